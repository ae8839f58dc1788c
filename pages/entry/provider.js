// The widgets of challenge providers: loaded when somebody presses the button, and gone with their answer.

// Where a provider's script is, what it calls itself, and how a widget is made.
const PROVIDERS = {
  turnstile: ["https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit", "turnstile"],
  hcaptcha: ["https://js.hcaptcha.com/1/api.js?render=explicit", "hcaptcha"],
  recaptcha: ["https://www.google.com/recaptcha/api.js?render=explicit", "grecaptcha"],
};

function loaded(src) {
  return new Promise((resolve, reject) => {
    document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror: reject }));
  });
}

// What the widget of a way gives once its check is passed. Fails where the provider cannot be reached, or says no.
export async function fetchResponse(place, name, { kind = name, sitekey, action }, bond) {
  const [src, global] = PROVIDERS[kind];
  if (!globalThis[global]) await loaded(src);
  const widget = globalThis[global];
  if (widget.ready) await new Promise((ready) => widget.ready(ready));
  return new Promise((callback, reject) => {
    const failed = { "error-callback": reject, "expired-callback": reject };
    widget.render(place, { sitekey, action, cData: bond, callback, ...failed });
  });
}
