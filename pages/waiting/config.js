// What the document says of itself, and the language that it is in.

export const { base, room, title, text } = JSON.parse(document.getElementById("config").textContent);
export const lang = document.documentElement.lang;
export const locale = navigator.languages.find((tag) => tag.split("-")[0] === lang) ?? lang;
