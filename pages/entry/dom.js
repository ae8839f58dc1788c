// Elements of the screen on which somebody shows who they are, and their parts.

// An element with its properties and children; what is nothing is left out.
export function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter(Boolean));
  return node;
}

export function marked(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export function note(textContent, className = "words") {
  return textContent && make("p", { className, textContent });
}

export function pressed(textContent, className, onclick) {
  return make("button", { type: "button", className, textContent, onclick });
}

// A bar that fills: the element, and a function that fills it to a share and says so.
export function barOf(name) {
  const done = make("i");
  const node = marked(make("div", { className: "bar" }, done), { role: "progressbar", "aria-label": name });
  const fill = (share, words) => {
    marked(node, { "aria-valuenow": Math.round(share * 100), "aria-valuetext": words });
    done.style.transform = `scaleX(${share})`;
  };
  return [node, fill];
}

// The box for all that, below the words of the ticket.
export function openBox() {
  const box = make("div", { className: "entry", hidden: true });
  document.getElementById("words").after(box);
  return box;
}
