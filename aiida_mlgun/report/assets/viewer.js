// One viewer for all examples: pick an outcome, turn it, play it, save it.  Needs 3Dmol.js and nothing from a network.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const stage = byId("viewer-stage");
  const data = JSON.parse(byId("viewer-data").textContent);
  const VIEWS = { side: [-0.6494, 0, 0, 0.7604], end: [-0.4592, -0.4592, -0.5377, 0.5377], top: [0, 0, 0, 1] };
  const SPIN = 0.5; // degrees per 25 ms
  const FRAME_MS = 90;
  const FAR = 30; // Å
  let viewer, current, frame, playing, spinning = false, active = false;

  const hidden = (id, yes) => { byId(id).hidden = yes; };
  const press = (button, yes) => button.setAttribute("aria-pressed", String(yes));

  function bondsAt(example, k, kind) {
    for (let i = k; i >= 0; i -= 1) if (example.frames[i][kind]) return example.frames[i][kind];
    return [];
  }

  function atomsAt(example, k) {
    const xyz = example.frames[k].xyz;
    const atoms = example.kinds.map((kind, i) => ({
      elem: example.symbols[kind], index: i, serial: i, bonds: [], bondOrder: [],
      x: xyz[3 * i] / data.fine, y: xyz[3 * i + 1] / data.fine, z: xyz[3 * i + 2] / data.fine,
    }));
    const pairs = bondsAt(example, k, "bonds");
    for (let i = 0; i < pairs.length; i += 2) {
      const [a, b] = [atoms[pairs[i]], atoms[pairs[i + 1]]];
      a.bonds.push(b.index); a.bondOrder.push(1);
      b.bonds.push(a.index); b.bondOrder.push(1);
    }
    return atoms;
  }

  function drawCell(base) {
    const [a, b] = data.cell;
    const corners = [[0, 0], a, [a[0] + b[0], a[1] + b[1]], b, [0, 0]].map(([x, y]) => ({ x, y, z: base - 0.6 }));
    for (let i = 0; i < 4; i += 1) {
      viewer.addCylinder({ start: corners[i], end: corners[i + 1], radius: 0.035, color: "#5d6b76" });
    }
  }

  function draw(k) {
    frame = k;
    viewer.removeAllModels();
    viewer.removeAllShapes();
    const atoms = atomsAt(current, k);
    const model = viewer.addModel();
    model.addAtoms(atoms);
    for (const symbol of current.symbols) {
      const { colour, radius } = data.styles[symbol];
      model.setStyle({ elem: symbol }, { sphere: { radius, color: colour }, stick: { radius: 0.11, color: colour } });
    }
    const gaps = bondsAt(current, k, "loose");
    for (let i = 0; i < gaps.length; i += 2) {
      viewer.addCylinder({
        start: atoms[gaps[i]], end: atoms[gaps[i + 1]], radius: 0.06, color: "#22303c", dashed: true,
        dashLength: 0.16, gapLength: 0.14,
      });
    }
    drawCell(current.base);
    viewer.render();
    const time = current.frames[k].t;
    byId("viewer-time").textContent = time === null ? "" : `${(time / 1000).toFixed(2)} ps`;
    byId("viewer-frame").value = k;
    stage.dataset.atoms = String(atoms.length);
    stage.dataset.frame = String(k);
  }

  // Atoms flung far away would make all others a point.
  function nearAtoms() {
    const xyz = current.frames[frame].xyz;
    const at = (i) => [0, 1, 2].map((k) => xyz[3 * i + k] / data.fine);
    const [x, y, z] = current.heart;
    const near = (p) => Math.hypot(p[0] - x, p[1] - y, p[2] - z) < FAR;
    return current.kinds.map((_, i) => i).filter((i) => near(at(i)));
  }

  function look(name) {
    viewer.zoomTo({ index: nearAtoms() });
    const view = viewer.getView();
    viewer.setView([...view.slice(0, 4), ...VIEWS[name]]);
    viewer.zoom(name === "top" ? 1.05 : 1.4);
    viewer.render();
  }

  function stop() {
    clearInterval(playing);
    playing = undefined;
    byId("viewer-play").textContent = "play";
  }

  function play() {
    if (playing) return stop();
    byId("viewer-play").textContent = "pause";
    const last = current.frames.length - 1;
    if (frame === last) draw(0);
    playing = setInterval(() => (frame < last ? draw(frame + 1) : stop()), FRAME_MS);
    return undefined;
  }

  function spin(yes) {
    spinning = yes;
    press(byId("viewer-spin"), yes);
    viewer.spin(yes ? "z" : false, SPIN);
  }

  function choose(i) {
    stop();
    current = data.examples[i];
    document.querySelectorAll("[data-example]").forEach((b) => press(b, Number(b.dataset.example) === i));
    const last = current.frames.length - 1;
    hidden("viewer-player", last === 0);
    byId("viewer-frame").max = last;
    byId("viewer-shot").textContent = `shot ${current.shot}: ${current.label}`;
    draw(last);
    look(current.view);
    stage.dataset.outcome = current.outcome;
  }

  function save(name, href) {
    const link = document.createElement("a");
    link.href = href;
    link.download = name;
    link.click();
  }

  function saveText() {
    const url = URL.createObjectURL(new Blob([current.xyz], { type: "text/plain" }));
    save(current.file, url);
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  try {
    viewer = $3Dmol.createViewer(stage, { backgroundColor: "#eaeff3", antialias: true, cartoonQuality: 1 });
    if (!viewer) throw new Error("no WebGL");
    viewer.setViewStyle({ style: "outline", color: "#22303c", width: 0.03 });
  } catch (error) {
    hidden("viewer-missing", false);
    hidden("viewer-tools", true);
    stage.dataset.error = String(error);
    return;
  }
  // The wheel scrolls the page until the picture is clicked.
  stage.addEventListener("pointerdown", () => { active = true; }, true);
  stage.addEventListener("pointerleave", () => { active = false; });
  stage.addEventListener("wheel", (event) => { if (!active) event.stopPropagation(); }, true);
  document.querySelectorAll("[data-example]").forEach((b) => {
    b.addEventListener("click", () => choose(Number(b.dataset.example)));
  });
  document.querySelectorAll("[data-view]").forEach((b) => b.addEventListener("click", () => look(b.dataset.view)));
  byId("viewer-play").addEventListener("click", play);
  byId("viewer-spin").addEventListener("click", () => spin(!spinning));
  byId("viewer-frame").addEventListener("input", (event) => { stop(); draw(Number(event.target.value)); });
  byId("viewer-xyz").addEventListener("click", saveText);
  byId("viewer-png").addEventListener("click", () => save(current.file.replace(/xyz$/, "png"), viewer.pngURI()));
  choose(0);
})();
