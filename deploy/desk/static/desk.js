// Little, and nothing that a page needs: each thing here works by a link or a form without it. Loaded before the page, so
// that a key counts as soon as there is what it is for.
"use strict";

// Pieces of pages: a link with data-part is opened in the place that it names.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-part]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const place = document.getElementById(link.dataset.part);
  if (place.childElementCount) {
    place.replaceChildren();
    link.setAttribute("aria-expanded", "false");
    return;
  }
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(link.href, { headers: { "x-desk-part": "1" } });
    place.innerHTML = await answer.text(); // the desk's own, escaped there
    link.setAttribute("aria-expanded", "true");
  } catch {
    location.href = link.href;
  }
  place.removeAttribute("aria-busy");
});

// Keys: a control with data-key is used by its key, unless somebody is writing.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const writing = event.target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select");
  if (writing) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  const control = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!control) return;
  event.preventDefault();
  if (control.matches("input[type=text], input[type=search]")) control.focus();
  else control.click();
});

// Questions before what cannot be taken back at once.
document.addEventListener("submit", (event) => {
  const asked = event.submitter?.dataset.ask;
  if (asked && !confirm(asked)) event.preventDefault();
});

document.addEventListener("DOMContentLoaded", () => {
  // Live pieces: the server sends them as they change.
  for (const place of document.querySelectorAll("[data-live]")) {
    const events = new EventSource(place.dataset.live);
    const state = document.getElementById(place.dataset.state);
    events.addEventListener("piece", (event) => {
      const focused = document.activeElement && place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      place.innerHTML = event.data; // the desk's own, escaped there
      if (focused) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
      if (state) state.textContent = "live";
    });
    events.addEventListener("error", () => {
      if (state) state.textContent = "not connected, trying again";
    });
    addEventListener("pagehide", () => events.close());
  }

  // What is under way is looked at again.
  const watched = document.querySelector("[data-reload]");
  if (watched) setTimeout(() => location.reload(), Number(watched.dataset.reload) * 1000);
});
