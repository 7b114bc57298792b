// Brings the parts of the page that are marked data-live up to date while it is
// open. Without it everything works, and the page reloads itself now and then.
"use strict";
(() => {
  const every = 5000;
  let etag = "";
  let busy = false;

  const stale = (is) => {
    const notice = document.getElementById("stale");
    if (notice) notice.hidden = !is;
  };

  // A part is left alone while somebody types in it; what has the focus keeps it.
  const replace = (part, fresh) => {
    const active = document.activeElement;
    const inside = part.contains(active);
    if (inside && active.matches("input, textarea, select")) return;
    const stops = () => [...part.querySelectorAll("a, button, [tabindex]")];
    const nth = inside ? stops().indexOf(active) : -1;
    part.innerHTML = fresh.innerHTML;
    if (nth >= 0) stops()[nth]?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (document.hidden || busy) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {} });
      if (answer.status === 401) return location.reload(); // signed out: the login page says what to do
      stale(!answer.ok && answer.status !== 304);
      if (!answer.ok) return;
      if (answer.redirected) return location.replace(answer.url); // nobody is left to be shown
      etag = answer.headers.get("ETag") || "";
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = next.getElementById(part.id);
        if (fresh && fresh.innerHTML !== part.innerHTML) replace(part, fresh);
      }
    } catch {
      stale(true); // the bridge restarts, or the network is away: the next look tells
    } finally {
      busy = false;
    }
  };

  setInterval(refresh, every);
  document.addEventListener("visibilitychange", refresh);
})();
