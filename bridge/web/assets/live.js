// Brings the parts of the page that are marked data-live up to date while it is
// open, and takes news out of its address. Without it everything works, and the pages
// that have to reload themselves now and then.
"use strict";
(() => {
  const every = 5000;
  let etag = "";
  let busy = false;

  const stale = (is) => {
    const notice = document.getElementById("stale");
    if (notice) notice.hidden = !is;
  };

  // A notice is news once: a reload does not repeat it.
  const forget = () => {
    const address = new URL(location.href);
    for (const name of ["asked", "renamed", "untold"]) address.searchParams.delete(name);
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  };

  // A part is left alone while somebody types in it, or has selected text in it to copy.
  const busyIn = (part) => {
    const selection = getSelection();
    if (!selection.isCollapsed && selection.containsNode(part, true)) return true;
    return part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
  };

  // What has the focus keeps it, and what was scrolled sideways stays so.
  const replace = (part, fresh) => {
    const stops = () => [...part.querySelectorAll("a, button, [tabindex]")];
    const scrolls = () => [...part.querySelectorAll(".scroll")];
    const nth = stops().indexOf(document.activeElement);
    const lefts = scrolls().map((el) => el.scrollLeft);
    part.innerHTML = fresh.innerHTML;
    scrolls().forEach((el, i) => { el.scrollLeft = lefts[i] ?? 0; });
    stops()[nth]?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (document.hidden || busy) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {} });
      if (answer.status === 401 || answer.status === 404) return location.reload(); // signed out, or somebody is gone: that page says so
      stale(!answer.ok && answer.status !== 304);
      if (!answer.ok) return;
      if (answer.redirected) return location.replace(answer.url); // nobody is left to be shown
      let left = false;
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = next.getElementById(part.id);
        if (!fresh || fresh.innerHTML === part.innerHTML) continue;
        if (busyIn(part)) left = true;
        else replace(part, fresh);
      }
      etag = left ? "" : answer.headers.get("ETag") || ""; // what was left alone is fetched again
    } catch {
      stale(true); // the bridge restarts, or the network is away: the next look tells
    } finally {
      busy = false;
    }
  };

  forget();
  if (!document.querySelector("[data-live]")) return;
  setInterval(refresh, every);
  document.addEventListener("visibilitychange", refresh);
})();
