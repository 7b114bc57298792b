// What a test finds out about a page. It is evaluated anew for every question, so that
// it is there behind every navigation, and where the page's own scripts are forbidden.
((doc) => {
  "use strict";
  const view = doc.defaultView;
  const words = (text) => text.replace(/\s+/g, " ").trim();
  const shown = (el) => el.checkVisibility({ visibilityProperty: true }) && !el.closest(".hidden");
  const called = (el) => el.tagName.toLowerCase() + (el.id ? "#" + el.id : "") + " “" + words(el.textContent || "").slice(0, 50) + "”";

  // Colours as Chromium computes them: rgb(1, 2, 3) or rgba(1, 2, 3, 0.5).
  const colour = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => {
    const mix = (x, y) => x * top.a + y * (1 - top.a);
    return { r: mix(top.r, below.r), g: mix(top.g, below.g), b: mix(top.b, below.b), a: 1 };
  };
  const background = (el) => {
    if (!el) return colour(view.matchMedia("(prefers-color-scheme: dark)").matches ? "rgb(18, 18, 18)" : "rgb(255, 255, 255)");
    const own = colour(view.getComputedStyle(el).backgroundColor);
    return own.a === 1 ? own : over(own, background(el.parentElement));
  };
  // Relative luminance and contrast as WCAG 2.2 defines them.
  const luminance = ({ r, g, b }) => {
    const [R, G, B] = [r, g, b].map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const contrast = (el, ink) => {
    const below = background(el);
    const [light, dark] = [luminance(over(colour(ink), below)), luminance(below)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };

  const pale = () => {
    const found = [];
    const check = (el, ink, what) => {
      const ratio = contrast(el, ink);
      if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)} of ${what}`);
    };
    const walker = doc.createTreeWalker(doc.body, view.NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const el = walker.currentNode.parentElement;
      if (!words(walker.currentNode.data) || !shown(el) || el.closest("noscript, :disabled")) continue;
      check(el, view.getComputedStyle(el).color, called(el));
    }
    for (const el of doc.querySelectorAll("input, textarea")) {
      if (shown(el) && el.placeholder) check(el, view.getComputedStyle(el, "::placeholder").color, "the placeholder of " + called(el));
    }
    return found;
  };

  const unnamed = () => {
    const found = [];
    for (const el of doc.querySelectorAll("input:not([type=hidden]), textarea, select")) {
      if (!el.labels?.length && !el.ariaLabel) found.push("no label: " + called(el));
    }
    for (const el of doc.querySelectorAll("img")) if (!el.hasAttribute("alt")) found.push("no alt: " + el.src);
    for (const el of doc.querySelectorAll("a, button, summary")) if (!words(el.textContent) && !el.ariaLabel) found.push("no name: " + el.outerHTML);
    for (const attribute of ["aria-labelledby", "aria-describedby", "for"]) {
      for (const el of doc.querySelectorAll(`[${attribute}]`)) {
        if (!doc.getElementById(el.getAttribute(attribute))) found.push(`${attribute} leads nowhere: ` + called(el));
      }
    }
    const ids = [...doc.querySelectorAll("[id]")].map((el) => el.id);
    for (const id of ids.filter((id, i) => ids.indexOf(id) !== i)) found.push("twice the id " + id);
    return found;
  };

  const headings = () => {
    const found = [];
    const list = [...doc.querySelectorAll("h1, h2, h3, h4, h5, h6")];
    const firsts = list.filter((el) => el.tagName === "H1");
    if (firsts.length !== 1) found.push(`${firsts.length} h1`);
    let level = 0;
    for (const el of list) {
      const next = Number(el.tagName[1]);
      if (next > level + 1) found.push("heading skips a level: " + called(el));
      level = next;
    }
    return found;
  };

  const wide = () => {
    const found = [];
    const limit = doc.documentElement.clientWidth;
    if (doc.documentElement.scrollWidth > view.innerWidth) found.push(`the page is ${doc.documentElement.scrollWidth} wide`);
    for (const el of doc.body.querySelectorAll("*")) {
      if (!shown(el) || el.closest(".scroll")?.contains(el.parentElement) || el.matches(".skip")) continue;
      const box = el.getBoundingClientRect();
      if (box.right > limit + 1 || box.left < -1) found.push(`reaches from ${Math.round(box.left)} to ${Math.round(box.right)}: ` + called(el));
    }
    return found;
  };

  return {
    text: () => words(doc.body?.innerText ?? ""),
    html: () => doc.documentElement.outerHTML,
    leaving: () => { view.leaving = true; return true; },
    arrived: () => !view.leaving && doc.readyState === "complete",
    select: () => { doc.activeElement.select?.(); return words(doc.activeElement.labels?.[0]?.textContent ?? ""); },

    // Where a click would hit what is called so: whole name first, beginning next. Null
    // if there is no such thing, or something lies upon it.
    spot: (selector, name) => {
      const all = [...doc.querySelectorAll(selector)].filter(shown);
      const el = all.find((el) => words(el.textContent) === name) ?? all.find((el) => words(el.textContent).startsWith(name));
      if (!el) return null;
      el.scrollIntoView({ block: "center", behavior: "instant" });
      const box = el.getClientRects()[0];
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      return el.contains(doc.elementFromPoint(x, y)) ? [x, y] : null;
    },

    // Selects what reads so, as somebody who wants to copy it; nothing for "".
    mark: (text) => {
      const selection = view.getSelection();
      selection.removeAllRanges();
      const el = text && [...doc.querySelectorAll("td, th, dd")].find((el) => words(el.textContent) === text);
      if (el) selection.selectAllChildren(el);
      return true;
    },
    marked: () => words(view.getSelection().toString()),
    scroll: (selector, left) => { doc.querySelector(selector).scrollLeft = left; return true; },
    scrolled: (selector) => doc.querySelector(selector)?.scrollLeft ?? -1,

    leads: (name) => [...doc.links].find((el) => words(el.textContent) === name)?.href ?? "",
    pictures: () => [...doc.images].map((el) => ({ src: el.currentSrc, width: el.complete ? el.naturalWidth : 0 })),
    look: () => [...unnamed(), ...headings(), ...wide(), ...pale()],

    // What has the focus and how that shows; null behind the last.
    focus: () => {
      const el = doc.activeElement;
      if (!el || el === doc.body || el === doc.documentElement) return null;
      const style = view.getComputedStyle(el);
      const box = el.getBoundingClientRect();
      return {
        name: called(el), first: el.matches(".skip") || doc.querySelector("[autofocus]") !== null,
        visible: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.right > 0 && box.left < view.innerWidth,
      };
    },
  };
})
