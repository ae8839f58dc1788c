// What the shop's page knows, and how it shows which step it is at.

const $ = (id) => document.getElementById(id);

const shop = { event: null, hall: null, names: null, map: null, free: null, chosen: new Set(), held: null, face: null, quantity: 2, holdKey: null, payKey: null, paying: false };

let money = (amount) => String(amount);

function setState(state) {
  document.body.dataset.state = state;
  for (const step of ["choosing", "held", "outcome", "confirmed", "ended"]) $(`step-${step}`).hidden = step !== state;
  $("hold-timer").hidden = state !== "held";
}

function notify(message, plain = false) {
  $("notice").textContent = message || "";
  $("notice").hidden = !message;
  $("notice").classList.toggle("plain", plain);
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Runs something that asks the core, with the button busy and problems told. */
async function during(button, work) {
  // A button that is disabled loses the focus, and whoever uses the keyboard the place.
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  button.classList.add("busy");
  try {
    await work();
  } catch (error) {
    if (error instanceof Ended) end();
    else if (error.status) await lookAgain(error.message).then(() => notify(error.message));
    else notify(error.message);
  } finally {
    button.setAttribute("aria-disabled", "false");
    button.classList.remove("busy");
    refreshChoosing();
  }
}
