// A notification that is pressed brings the fan back to the page that waits. This worker handles no request and keeps nothing.

async function back(address) {
  const pages = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const waiting = pages.find((page) => page.url === address);
  return waiting ? waiting.focus() : clients.openWindow(address);
}

addEventListener("install", () => skipWaiting());
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(back(event.notification.data));
});
