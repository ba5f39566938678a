// Fetches the page once a second and shows what is new, without moving what is being read.
"use strict";

let shown = document.body.innerHTML;

function atEnd(list) {
  return list === null || list.scrollHeight - list.scrollTop - list.clientHeight < 40;
}

function toEnd() {
  const list = document.querySelector(".messages");
  if (list !== null) list.scrollTop = list.scrollHeight;
}

async function refresh() {
  // Whoever has a question open answers it first.
  if (document.querySelector(":popover-open") !== null) return;
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (next.body.innerHTML === shown) return;
  const before = document.querySelector(".messages");
  const follow = atEnd(before);
  const top = before === null ? 0 : before.scrollTop;
  shown = next.body.innerHTML;
  document.title = next.title;
  document.body.replaceChildren(...next.body.childNodes);
  const after = document.querySelector(".messages");
  if (follow) toEnd();
  else if (after !== null) after.scrollTop = top;
}

// The demo may be over: then the page keeps what it has.
setInterval(() => refresh().catch(() => {}), 1000);
toEnd();
