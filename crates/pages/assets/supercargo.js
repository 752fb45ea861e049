// What makes pages quicker to use; each of them works without it.
(() => {
  "use strict";
  const find = document.querySelector("[data-find]");
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || !find) return;
    const at = event.target;
    if (at instanceof HTMLElement && (at.isContentEditable || at.matches("input, textarea, select"))) return;
    event.preventDefault();
    find.focus();
    find.select();
  });

  // menus close on Escape and on a click elsewhere
  const menus = document.querySelectorAll("details.menu");
  const close = (except) => menus.forEach((menu) => { if (menu !== except) menu.open = false; });
  document.addEventListener("click", (event) => close(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.menu[open]");
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });

  if (navigator.clipboard) {
    document.querySelectorAll("[data-copy]").forEach((button) => {
      const text = () => {
        const near = button.closest(".code, .with-copy").querySelector("pre, .hash");
        return near.textContent.trimEnd();
      };
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(text());
        const said = document.getElementById("said");
        if (said) said.textContent = "copied";
        button.classList.add("is-done");
        setTimeout(() => button.classList.remove("is-done"), 1200);
      });
    });
  }

  // what a form would come to, said while it is filled in
  document.querySelectorAll("form[data-preview]").forEach((form) => {
    const place = document.getElementById(form.dataset.preview);
    const button = form.querySelector("[data-preview-button]");
    let waiting;
    let asked = 0;
    const say = async () => {
      const turn = ++asked;
      const fields = new URLSearchParams(new FormData(form));
      fields.set("do", "preview");
      try {
        const answer = await fetch(form.action, { method: "POST", body: fields });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(form.dataset.preview);
        if (turn !== asked) return;
        button.hidden = Boolean(fresh);
        if (fresh) place.replaceChildren(...fresh.childNodes);
      } catch {
        // the button still asks
        button.hidden = false;
      }
    };
    button.hidden = true;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(say, 250);
    });
  });

  // a choice in a filter applies at once
  document.querySelectorAll("select[data-apply]").forEach((select) => {
    select.addEventListener("change", () => select.form.requestSubmit());
  });
})();
