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

  // a list is put in order by dragging a handle, by arrow keys on it, and by its buttons without a way to the server
  document.querySelectorAll("[data-order]").forEach((list) => {
    const unsaved = list.parentElement.querySelector("[data-order-unsaved]");
    // it is the neighbour that changes its place: what moves keeps the focus, and the pointer
    const shift = (row, up) => {
      const other = up ? row.previousElementSibling : row.nextElementSibling;
      if (!other) return false;
      if (up) row.after(other); else row.before(other);
      unsaved.hidden = false;
      return true;
    };
    const say = (row) => {
      const place = [...list.children].indexOf(row) + 1;
      const said = document.getElementById("said");
      if (said) said.textContent = `${row.dataset.orderName} is number ${place} of ${list.children.length}, not saved yet`;
    };
    list.querySelectorAll("[data-order-move]").forEach((button) => {
      button.addEventListener("click", (event) => {
        event.preventDefault();
        const row = button.closest("[data-order-name]");
        shift(row, button.dataset.orderMove === "up");
        say(row);
        // at the end of the list there is no way on
        if (getComputedStyle(button).visibility === "hidden") {
          row.querySelector(`[data-order-move]:not([data-order-move="${button.dataset.orderMove}"])`).focus();
        }
      });
    });
    list.querySelectorAll("[data-order-handle]").forEach((handle) => {
      const row = handle.closest("[data-order-name]");
      handle.hidden = false;
      handle.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
        event.preventDefault();
        shift(row, event.key === "ArrowUp");
        say(row);
      });
      handle.addEventListener("pointerdown", (down) => {
        if (down.button !== 0) return;
        down.preventDefault();
        handle.focus();
        row.classList.add("is-dragged");
        const middle = (other) => {
          const box = other.getBoundingClientRect();
          return box.top + box.height / 2;
        };
        const move = (event) => {
          const before = row.previousElementSibling;
          const after = row.nextElementSibling;
          if (before && event.clientY < middle(before)) shift(row, true);
          else if (after && event.clientY > middle(after)) shift(row, false);
        };
        const drop = () => {
          row.classList.remove("is-dragged");
          document.removeEventListener("pointermove", move);
          document.removeEventListener("pointerup", drop);
          document.removeEventListener("pointercancel", drop);
          say(row);
        };
        document.addEventListener("pointermove", move);
        document.addEventListener("pointerup", drop);
        document.addEventListener("pointercancel", drop);
      });
    });
  });

  // a file on its way shows how far it has come; without this the browser shows that by itself
  const upload = (form) => {
    form.addEventListener("submit", (event) => {
      const bar = form.querySelector("[data-upload-bar]");
      const button = form.querySelector(".button--main");
      if (!bar || !button) return;
      event.preventDefault();
      const progress = bar.querySelector("progress");
      const words = bar.querySelector("[data-upload-words]");
      const request = new XMLHttpRequest();
      const fail = () => {
        button.disabled = false;
        progress.hidden = true;
        // not once more by itself: it may have arrived, and the answer have been lost
        words.textContent = "The connection broke. Look whether the version is there, before you send it again.";
      };
      request.open("POST", form.action);
      request.upload.addEventListener("progress", (step) => {
        if (!step.lengthComputable) return;
        const percent = Math.floor((100 * step.loaded) / step.total);
        progress.value = percent;
        words.textContent = percent < 100 ? `${percent} %` : "It is being checked";
        if (percent === 100) progress.removeAttribute("value");
      });
      request.addEventListener("load", () => {
        const page = new DOMParser().parseFromString(request.responseText, "text/html");
        const fresh = page.querySelector("main");
        // signed out meanwhile, for one: where that leads is shown
        if (!fresh || !request.responseURL.endsWith(new URL(form.action).pathname)) {
          location.assign(request.responseURL || location.href);
          return;
        }
        document.title = page.title;
        document.querySelector("main").replaceWith(fresh);
        fresh.querySelectorAll("form[data-upload]").forEach(upload);
        fresh.focus();
      });
      request.addEventListener("error", fail);
      bar.hidden = false;
      progress.hidden = false;
      button.disabled = true;
      request.send(new FormData(form));
    });
  };
  document.querySelectorAll("form[data-upload]").forEach(upload);

  // a question to the server whose answer comes in place: the part of the page that the button names
  document.querySelectorAll("button[data-ask]").forEach((button) => {
    const place = document.getElementById(button.dataset.ask);
    button.addEventListener("click", async (event) => {
      event.preventDefault();
      const fields = new URLSearchParams(new FormData(button.form));
      if (button.name) fields.set(button.name, button.value);
      // nobody knows how long it takes, so the bar is hatched
      const waiting = document.createElement("div");
      waiting.className = "asked";
      waiting.append(button.dataset.words, document.createElement("progress"));
      waiting.lastChild.setAttribute("aria-label", button.dataset.words);
      place.replaceChildren(waiting);
      button.disabled = true;
      try {
        const answer = await fetch(button.form.getAttribute("action"), { method: "POST", body: fields });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(place.id);
        const wrong = page.querySelectorAll("main .error");
        wrong.forEach((it) => it.removeAttribute("id"));
        if (wrong.length > 0) place.replaceChildren(...wrong);
        else if (fresh) place.replaceChildren(...fresh.childNodes);
        else place.replaceChildren(...page.querySelectorAll("main h1, main p"));
      } catch {
        place.replaceChildren("The server cannot be reached.");
      }
      button.disabled = false;
      button.focus();
    });
  });

  // what may take long says that it is under way
  document.querySelectorAll("form[data-wait]").forEach((form) => {
    const bar = document.getElementById(form.dataset.wait);
    form.addEventListener("submit", () => { bar.hidden = false; });
    window.addEventListener("pageshow", () => { bar.hidden = true; });
  });

  // accounts are proposed while a name is typed
  document.querySelectorAll("input[data-suggest]").forEach((field) => {
    let waiting;
    let asked = 0;
    const propose = async () => {
      const turn = ++asked;
      try {
        const answer = await fetch(`${field.dataset.suggest}?q=${encodeURIComponent(field.value)}`);
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(field.list.id);
        if (turn === asked && fresh) field.list.replaceChildren(...fresh.childNodes);
      } catch {
        // whoever knows the name types it
      }
    };
    field.addEventListener("input", () => {
      clearTimeout(waiting);
      if ([...field.list.options].some((option) => option.value === field.value)) return;
      waiting = setTimeout(propose, 200);
    });
  });

  // the tab that is open is in sight, also where there are more than the screen is wide
  document.querySelectorAll(".tabs [aria-current]").forEach((tab) => {
    const row = tab.closest(".tabs");
    row.scrollLeft = tab.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
  });

  // a choice in a filter applies at once
  document.querySelectorAll("select[data-apply]").forEach((select) => {
    select.addEventListener("change", () => select.form.requestSubmit());
  });
})();
