// Elements of a document whose words are wider than they are: what clips its content hides what sticks out of it.
globalThis.misfits = (document) => {
  const wide = document.documentElement.scrollWidth > document.defaultView.innerWidth ? ["the document"] : [];
  for (const node of document.querySelectorAll("p, h1, h2, dt, dd, li, label, summary, button, a, dialog")) {
    const isWide = node.clientWidth > 0 && node.scrollWidth > node.clientWidth + 1;
    if (isWide && node.checkVisibility() && !node.matches(".dots, .unseen")) wide.push(`${node.id || node.localName}: ${node.innerText}`);
  }
  return wide;
};
