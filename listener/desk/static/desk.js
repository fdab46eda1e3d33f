// Keys, rows that change in place, a claim on what is open. Every one of these is a form or a link as well.
"use strict";
(() => {
  const flash = document.getElementById("flash");
  const page = document.getElementById("mention");
  const list = document.getElementById("rows");
  const bulk = document.getElementById("bulk");
  const undo = document.getElementById("undo");
  let current = "";
  let fading = 0;

  const say = (text) => {
    if (!flash) return;
    flash.textContent = text;
    clearTimeout(fading);
    if (text) fading = setTimeout(() => say(""), 8000);
  };

  document.documentElement.classList.add("js");
  say(flash?.textContent);

  const rows = () => [...document.querySelectorAll(".rows > .row")];
  const row = () => document.activeElement.closest(".row") || document.getElementById(current);

  const go = (to) => {
    if (!to) return;
    current = to.id;
    to.focus({ preventScroll: true });
    to.scrollIntoView({ block: "nearest" });
  };

  const step = (by) => {
    const all = rows();
    const at = all.indexOf(row());
    const next = at < 0 ? 0 : at + by;
    if (next >= all.length) document.querySelector(".further a")?.click();
    go(all[Math.max(0, Math.min(all.length - 1, next))]);
  };

  const post = (where, fields) =>
    fetch(where, { method: "POST", body: new URLSearchParams(fields), headers: { "HX-Request": "true" } });

  const put = (fresh) => {
    const stale = document.getElementById(fresh.id);
    const had = stale && stale.contains(document.activeElement);
    if (stale) stale.replaceWith(fresh);
    else if (list) list.prepend(fresh);
    if (had || (!stale && list)) go(fresh);
  };

  const send = async (form, button) => {
    const mine = form.closest(".row");
    if (mine?.hasAttribute("aria-busy")) return;
    mine?.setAttribute("aria-busy", "true");
    const fields = [...new FormData(form)];
    if (button?.name) fields.push([button.name, button.value]);
    try {
      const answer = await post(form.getAttribute("action"), fields);
      if (answer.headers.get("HX-Redirect")) { location.href = answer.headers.get("HX-Redirect"); return; }
      const part = document.createElement("template");
      part.innerHTML = await answer.text();
      const fresh = [...part.content.querySelectorAll(".row")];
      const said = fresh[0]?.dataset.said || part.content.querySelector("h1")?.textContent.trim();
      fresh.forEach(put);
      say(said || "That did not work: load the page again.");
    } catch {
      say("The desk does not answer. Nothing was done.");
    }
    mine?.removeAttribute("aria-busy");
    count();
  };

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-swap]")) return;
    event.preventDefault();
    send(event.target, event.submitter);
  });

  // -- keys

  const press = (key) => {
    const form = page ? document.getElementById("acts") : key === "u" ? undo : row()?.querySelector(".acts");
    const button = form?.querySelector(`button[data-key="${key}"]`);
    if (button) form.requestSubmit(button);
    return Boolean(button);
  };

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    o: () => row()?.querySelector("a.said")?.click(),
    Enter: () => row()?.querySelector("a.said")?.click(),
    "/": () => document.querySelector("input.search")?.focus(),
    "?": () => { location.href = "/help"; },
    Escape: () => document.querySelectorAll("details.picker[open]").forEach((one) => { one.open = false; }),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat && event.key !== "j" && event.key !== "k") return;
    const at = event.target;
    if (at.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) {
      if (event.key === "Escape") { at.blur(); go(document.getElementById(current)); }
      return;
    }
    if (event.key === "Enter" && at.closest("a, button, summary")) return;
    const done = Object.hasOwn(keys, event.key) ? (keys[event.key](), true) : /^[a-z]$/.test(event.key) && press(event.key);
    if (done) event.preventDefault();
  });

  document.addEventListener("focusin", (event) => {
    const into = event.target.closest(".row");
    if (into) current = into.id;
  });

  document.addEventListener("click", (event) => {
    const on = event.target.closest(".row");
    if (on && !event.target.closest("a, button, input, label")) go(on);
    document.querySelectorAll("details.picker[open], details.keep[open]").forEach((one) => {
      if (!one.contains(event.target)) one.open = false;
    });
  });

  // -- many at once

  const boxes = () => [...document.querySelectorAll(".rows .pick input")];

  const count = () => {
    if (!bulk) return;
    const chosen = boxes().filter((box) => box.checked).length;
    bulk.classList.toggle("on", chosen > 0);
    document.getElementById("picked").textContent = `${chosen} selected:`;
    const all = document.getElementById("all");
    all.checked = chosen === boxes().length;
    all.indeterminate = chosen > 0 && !all.checked;
  };

  if (bulk) {
    document.getElementById("all").hidden = false;
    document.addEventListener("change", (event) => {
      if (event.target.id === "all") boxes().forEach((box) => { box.checked = event.target.checked; });
      if (event.target.matches("#all, .pick input")) count();
    });
    count();
  }

  // -- filters: chosen is applied

  const filters = document.querySelector("form.filters");
  if (filters) {
    filters.addEventListener("change", (event) => { if (event.target.matches("select")) filters.requestSubmit(); });
    filters.addEventListener("submit", () => {
      for (const field of filters.elements) if (field.name && !field.value) field.disabled = true;
    });
    filters.querySelectorAll("details.picker").forEach((one) => {
      const was = () => [...one.querySelectorAll("input")].map((box) => box.checked).join();
      const before = was();
      one.addEventListener("toggle", () => { if (!one.open && was() !== before) filters.requestSubmit(); });
    });
  }

  // -- times in the zone of whoever looks

  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

  document.addEventListener("mouseover", (event) => {
    const time = event.target.closest?.("time[datetime]:not([data-local])");
    if (!time) return;
    time.title = (time.dataset.says || "") + local.format(new Date(time.dateTime));
    time.dataset.local = "";
  });

  // -- one mention

  if (page) {
    document.querySelectorAll(".copy").forEach((button) => {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const text = button.closest("details").querySelector("textarea");
        text.select();
        try { await navigator.clipboard.writeText(text.value); } catch { document.execCommand("copy"); }
        say("Copied.");
      });
    });
    if ("claim" in page.dataset) {
      post(`/mentions/${page.dataset.id}/act`, { action: "claim" }).then(async (answer) => {
        if (answer.ok) return;
        const part = document.createElement("template");
        part.innerHTML = await answer.text();
        say(part.content.querySelector(".row")?.dataset.said || "");
      }, () => undefined);
    }
  }
})();
