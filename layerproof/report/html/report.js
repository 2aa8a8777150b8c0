// Draws the steps of one build at a time, from the data that report/pack.py wrote. Text goes in as text only.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const STATES = { r: "ran", c: "cached", f: "failed", s: "did not end", n: "not reached", u: "not known" };

  function make(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function seconds(ms) {
    const s = ms / 1000;
    if (s < 9.95) return `${s.toFixed(1)} s`;
    return s < 100 ? `${s.toFixed(0)} s` : `${Math.floor(s / 60)} min ${String(Math.floor(s % 60)).padStart(2, "0")} s`;
  }

  // ---- theme

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = byId("theme");
  let chosen = "";
  try { chosen = localStorage.getItem("layerproof-theme") || ""; } catch { /* a page from disk may have no storage */ }
  function showTheme() {
    const isDark = chosen ? chosen === "dark" : dark.matches;
    document.documentElement.style.colorScheme = chosen || "light dark";
    theme.textContent = isDark ? "Light" : "Dark";
    theme.setAttribute("aria-label", isDark ? "Switch to light colours" : "Switch to dark colours");
  }
  theme.hidden = false;
  theme.addEventListener("click", () => {
    chosen = (chosen ? chosen === "dark" : dark.matches) ? "light" : "dark";
    try { localStorage.setItem("layerproof-theme", chosen); } catch { /* it holds until the page is closed */ }
    showTheme();
  });
  dark.addEventListener("change", showTheme);
  showTheme();

  // ---- tooltips of the proof matrix

  const tip = byId("tip");
  function showTip(event) {
    const cell = event.target.closest && event.target.closest("[data-tip]");
    if (!cell) return hideTip();
    tip.textContent = cell.dataset.tip;
    tip.hidden = false;
    const box = cell.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 16);
    tip.style.left = `${Math.max(16, left) + scrollX}px`;
    tip.style.top = `${box.bottom + 6 + scrollY}px`;
  }
  function hideTip() { tip.hidden = true; }
  for (const name of ["mouseover", "focusin"]) byId("proof").addEventListener(name, showTip);
  byId("proof").addEventListener("mouseleave", hideTip);
  byId("proof").addEventListener("focusout", hideTip);
  addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

  // ---- the graph: what an image is built from, and what from it

  const graph = document.querySelector(".graph");
  if (graph) {
    const paths = [...graph.querySelectorAll("path")];
    graph.addEventListener("mouseover", (event) => {
      const node = event.target.closest("[data-node]");
      for (const path of paths) {
        path.classList.toggle("near", !!node && [path.dataset.from, path.dataset.to].includes(node.dataset.node));
      }
    });
  }

  // ---- builds

  const history = JSON.parse(byId("history").textContent);
  const frame = byId("waterfall");
  if (!frame) return;
  const detail = byId("step");
  const picker = byId("build");
  let held = null; // the row that stays chosen

  function imagesOf(build) {
    return build.i.map(([name, action, plan, letters, starts, runs, note, before]) => {
      const ran = new Map(runs.map((run) => [run[0], run]));
      const steps = history.plans[plan].map(([stage, number, total, line, text], n) => {
        const [, took, waited, log, cause] = ran.get(n) || [n, 0, -1, -1, -1];
        return {
          where: `${stage} ${number}/${total}`, line, text: history.texts[text], state: STATES[letters[n]],
          at: starts[n], took, waited, log: log < 0 ? [] : history.logs[log], cause: cause < 0 ? null : history.causes[cause],
          image: history.names[name], note: history.texts[note], before: history.texts[before], explained: build.e, kind: build.k,
        };
      });
      const phases = build.p.filter((phase) => phase[0] === name).map(([, kind, at, took]) => ({ kind, at, took, image: history.names[name] }));
      return { name: history.names[name], action, steps, phases, note: history.texts[note] };
    });
  }

  // 1, 2 or 5 times a power of ten, so that there are at most eight.
  function tickStep(total) {
    let step = 10 ** Math.floor(Math.log10(Math.max(1, total / 8)));
    for (const factor of [1, 2, 5, 10]) if (total / (step * factor) <= 8) return step * factor;
    return step;
  }

  function bar(track, className, from, length, scale) {
    const made = make("i", className);
    made.style.left = `${(100 * from) / scale}%`;
    if (length) made.style.width = `${(100 * length) / scale}%`;
    track.append(made);
  }

  function row(className, label, took) {
    const made = make("button", `row ${className}`);
    made.type = "button";
    made.tabIndex = -1;
    const track = make("span", "track");
    made.append(label, make("span", "took", took), track);
    return { made, track };
  }

  function stepRow(step, scale) {
    const label = make("span", "label");
    const text = step.text.replace(/\\\n/g, " ").replace(/\s+/g, " ").trim();
    label.append(make("span", "where", step.where), make("code", "", text || "(its text is not on record)"));
    const ran = step.took > 0 || ["ran", "failed"].includes(step.state);
    const said = step.state === "ran" ? seconds(step.took) : step.state;
    const { made, track } = row(step.state === "did not end" ? "ran" : step.state, label, said);
    if (step.at >= 0) {
      if (step.waited > scale / 200) bar(track, "waited", step.at - step.waited, step.waited, scale);
      const kind = { ran: "ran", failed: "failed", "did not end": "ran" }[step.state] || "cached";
      bar(track, kind, step.at, ran ? step.took : 0, scale);
    }
    made.shows = () => showStep(step);
    return made;
  }

  function phaseRow(phase, scale) {
    const label = make("span", "label");
    label.append(make("span", "where", phase.kind === "transfer" ? "context" : "export"));
    label.append(make("span", "words", phase.kind === "transfer" ? "files brought to the builder" : "image written"));
    const { made, track } = row("ran", label, seconds(phase.took));
    bar(track, phase.kind, phase.at, phase.took, scale);
    made.shows = () => showPhase(phase);
    return made;
  }

  function imageRow(image, rows, open, scale) {
    const count = (state) => image.steps.filter((step) => step.state === state).length;
    const parts = [[count("ran"), "ran"], [count("failed"), "failed"], [count("cached"), "cached"]].filter(([n]) => n);
    const label = make("span", "label", image.name);
    label.append(make("small", "", parts.map(([n, what]) => `${n} ${what}`).join(", ") || image.action));
    const times = [...image.steps, ...image.phases].filter((item) => item.at >= 0 && item.took > 0);
    const from = Math.min(...times.map((item) => item.at));
    const to = Math.max(...times.map((item) => item.at + item.took));
    const { made, track } = row("image", label, times.length ? seconds(to - from) : "");
    if (times.length) bar(track, "span", from, to - from, scale);
    expandable(made, open, rows);
    return made;
  }

  // A row that shows others below it; they are made when they are first seen.
  function expandable(made, open, rows) {
    let below = null;
    const set = (isOpen) => {
      made.setAttribute("aria-expanded", String(isOpen));
      if (isOpen && !below) { below = rows(); made.after(...below); }
      for (const item of below || []) item.hidden = !isOpen;
      if (!isOpen) for (const item of below || []) if (item.getAttribute("aria-expanded") === "true") item.click();
    };
    made.addEventListener("click", () => set(made.getAttribute("aria-expanded") !== "true"));
    made.setAttribute("aria-expanded", "false");
    made.opens = () => { if (open) set(true); };
  }

  function ruler(scale, step) {
    const made = make("div", "ruler");
    made.setAttribute("aria-hidden", "true");
    const ticks = make("div", "ticks");
    for (let at = 0; at <= scale + 1; at += step) {
      const tick = make("span", "", step < 1000 ? `${(at / 1000).toFixed(step < 100 ? 2 : 1)} s` : seconds(at).replace(/\.0 s/, " s"));
      tick.style.left = `${(100 * at) / scale}%`;
      ticks.append(tick);
    }
    made.append(make("span", "", "step"), make("span", "took", "time"), ticks);
    return made;
  }

  function drawBuild(index) {
    const build = history.builds[index];
    const images = imagesOf(build);
    const ends = images.flatMap((image) => [...image.steps, ...image.phases].map((item) => item.at + item.took));
    const end = Math.max(build.w, 1, ...ends);
    const step = tickStep(end);
    const scale = Math.ceil(end / step - 1e-9) * step;
    const isBusy = (image) => image.phases.length || image.steps.some((item) => !["cached", "not known"].includes(item.state));
    const [busy, quiet] = [images.filter(isBusy), images.filter((image) => !isBusy(image))];
    const rowOf = (image, open) => imageRow(image, () => rowsOf(image, scale), open, scale);
    hold(null);
    frame.style.setProperty("--ticks", scale / step);
    frame.replaceChildren(...(busy.length ? [ruler(scale, step)] : []), ...busy.map((image) => rowOf(image, true)));
    if (quiet.length) {
      const many = `${quiet.length} image${quiet.length > 1 ? "s" : ""}`;
      const label = make("span", "label", many);
      label.append(make("small", "", "in which no step ran"));
      const { made } = row("image", label, "");
      expandable(made, false, () => quiet.map((image) => rowOf(image, false)));
      frame.append(made);
    }
    if (!images.length) frame.append(make("p", "", "This build has no image on record."));
    for (const item of [...frame.children]) if (item.opens) item.opens();
    const first = frame.querySelector("button");
    if (first) first.tabIndex = 0;
    picker.value = String(index);
    byId("older").disabled = index >= history.builds.length - 1;
    byId("newer").disabled = index <= 0;
    for (const item of document.querySelectorAll("[data-build]")) item.classList.toggle("chosen", item.dataset.build === String(index));
  }

  function rowsOf(image, scale) {
    const before = image.phases.filter((phase) => phase.kind === "transfer").map((phase) => phaseRow(phase, scale));
    const after = image.phases.filter((phase) => phase.kind === "export").map((phase) => phaseRow(phase, scale));
    const rows = [...before, ...image.steps.map((step) => stepRow(step, scale)), ...after];
    if (!rows.length) rows.push(make("p", "", image.note || "No step of it is on record."));
    return rows;
  }

  // ---- the chosen step

  function show(title, times, parts) {
    const list = make("dl");
    for (const [name, value] of parts) {
      const held = make("dd");
      held.append(value);
      list.append(make("dt", "", name), held);
    }
    detail.replaceChildren(make("h3", "", title), make("p", "times", times), list);
    detail.scrollTop = 0;
  }

  function showNothing() {
    const words = "Point at a step, or walk through them with the arrow keys: its cause, its instruction and what it printed stand here.";
    detail.replaceChildren(make("p", "hint", words));
  }

  function showStep(step) {
    const times = [step.state];
    if (step.state === "ran" || step.state === "failed") times.push(seconds(step.took));
    if (step.waited >= 50) times.push(`waited ${seconds(step.waited)}`);
    if (step.at >= 0) times.push(`began ${seconds(step.at)} into the build`);
    const parts = [["cause", causeOf(step)], ["instruction", make("pre", "", step.text || "Its text is not on record.")]];
    if (step.log.length) parts.push(["output", make("pre", "", step.log.join("\n"))]);
    show(`${step.image} ${step.where}${step.line ? `, line ${step.line}` : ""}`, times.join(", "), parts);
  }

  function causeOf(step) {
    if (step.cause) {
      const [kind, detailOf, isCertain] = step.cause;
      const against = step.before ? ` (against ${step.before})` : "";
      return `${kind}: ${detailOf.join("; ")}${isCertain ? "" : " (not certain)"}${against}`;
    }
    if (step.state === "cached") return "none: it came from the cache";
    if (["not reached", "not known"].includes(step.state)) return "none: it did not run";
    if (step.kind === "proof") return "worked out for builds, not for the builds of a proof";
    if (!step.explained) return "worked out for the newest builds only; inv why explains the last one";
    return step.note || "not known: what went into this image is not on record";
  }

  function showPhase(phase) {
    const [title, words] = phase.kind === "transfer"
      ? ["build context", "The files of the build context are brought to the builder; only what has changed is sent."]
      : ["export", "The image is written where docker finds it."];
    show(`${phase.image} ${title}`, `${seconds(phase.took)}, began ${seconds(phase.at)} into the build`, [["what", words]]);
  }

  function hold(made) {
    if (held) held.removeAttribute("aria-current");
    held = made;
    if (!made) return showNothing();
    made.setAttribute("aria-current", "true");
    made.shows();
    made.scrollIntoView({ block: "nearest", behavior: "instant" }); // a narrow page shows the step over its lower end
  }

  const rowAt = (event) => event.target.closest(".row");
  const wide = matchMedia("(min-width: 66rem)");
  frame.addEventListener("mouseover", (event) => { const made = rowAt(event); if (made && made.shows && (held || wide.matches)) made.shows(); });
  frame.addEventListener("mouseleave", () => (held ? held.shows() : showNothing()));
  frame.addEventListener("focusin", (event) => {
    const made = rowAt(event);
    for (const other of frame.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    made.tabIndex = 0;
    if (made.shows) hold(made);
  });
  frame.addEventListener("click", (event) => { const made = rowAt(event); if (made && made.shows) hold(made); });
  addEventListener("keydown", (event) => { if (event.key === "Escape") hold(null); });
  frame.addEventListener("keydown", (event) => {
    const rows = [...frame.querySelectorAll("button:not([hidden])")];
    const at = rows.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (at < 0 || to === undefined || !rows[to]) return;
    event.preventDefault();
    rows[to].focus();
  });

  picker.addEventListener("change", () => drawBuild(Number(picker.value)));
  byId("older").addEventListener("click", () => drawBuild(Number(picker.value) + 1));
  byId("newer").addEventListener("click", () => drawBuild(Number(picker.value) - 1));
  for (const item of document.querySelectorAll("[data-build]")) item.addEventListener("click", () => drawBuild(Number(item.dataset.build)));
  const top = document.querySelector(".top");
  new ResizeObserver(() => document.documentElement.style.setProperty("--top", `${top.offsetHeight}px`)).observe(top);
  drawBuild(0);
})();
