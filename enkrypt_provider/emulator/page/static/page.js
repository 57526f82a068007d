// Keeps the page up to date: fetches it again and replaces the parts that changed.
"use strict";

const EVERY = 2000; // milliseconds
const live = document.getElementById("live");
const state = document.getElementById("status");
const pause = document.getElementById("pause");
let shown = live.innerHTML; // as received: the user may have opened parts of it since
let etag = "";
let isPaused = false;

function put(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  document.title = fresh.title;
  for (const id of ["heading", "status"]) {
    const [before, after] = [document.getElementById(id), fresh.getElementById(id)];
    if (before.innerHTML !== after.innerHTML) before.replaceChildren(...after.childNodes);
  }
  const change = fresh.getElementById("live");
  if (shown === change.innerHTML) return;
  shown = change.innerHTML;
  const focused = live.contains(document.activeElement) ? document.activeElement.closest("[id]") : null;
  const open = [...live.querySelectorAll("details[open]")].map((details) => details.id);
  live.replaceChildren(...change.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) {
    const again = document.getElementById(focused.id);
    (again?.matches("details") ? again.firstElementChild : again)?.focus({ preventScroll: true });
  }
}

async function update() {
  if (isPaused || document.hidden) return;
  try {
    const response = await fetch(location.href, { headers: etag ? { "If-None-Match": etag } : {} });
    if (response.status === 304) return;
    etag = response.headers.get("ETag") ?? "";
    put(await response.text());
  } catch {
    etag = "";
    state.textContent = "The emulator is not responding. This is the last known state.";
  }
}

async function keepUpdating() {
  await update();
  setTimeout(keepUpdating, EVERY);
}

pause.hidden = false;
pause.addEventListener("click", () => {
  isPaused = !isPaused;
  pause.setAttribute("aria-pressed", String(isPaused));
  update();
});
document.addEventListener("visibilitychange", update);
setTimeout(keepUpdating, EVERY);
