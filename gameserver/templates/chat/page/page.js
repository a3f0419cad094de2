// The page: it joins, shows the lines and the members that it sees, and says what is typed.

import { GameClient } from "/net/client.js";
import { cleanText } from "/net/texts.js";

const $ = (id) => document.getElementById(id);

const name = new URLSearchParams(location.search).get("name") ?? "Ada";
const client = new GameClient({ url: `${location.origin.replace("http", "ws")}/`, name });
client.on("state", ({ state, reason }) => {
  if (state !== "playing") $("channel").textContent = reason || state;
});
client.on("delta", show);
client.connect();
window.client = client; // for the console

onSubmit("say", "text", (text) => client.say(text));
onSubmit("go", "channel", (channel) => client.send("Go", { channel }));

function onSubmit(form, field, action) {
  $(form).addEventListener("submit", (event) => {
    event.preventDefault();
    const text = cleanText($(form)[field].value);
    if (text !== "") action(text);
    $(form).reset();
  });
}

// Names and texts come from strangers: they are set as text, never as HTML.
function element(tag, className, text) {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function show() {
  const seen = [...client.replica.entities.values()];
  const me = client.replica.own;
  if (!me) return;
  $("channel").textContent = `# ${me.channel}`;
  const lines = seen.filter(({ kind }) => kind === "Line").sort((a, b) => a.number - b.number);
  $("lines").replaceChildren(...lines.map(line));
  $("lines").scrollTop = $("lines").scrollHeight;
  const members = seen.filter(({ kind }) => kind === "Member");
  members.sort((a, b) => a.name.localeCompare(b.name));
  $("members").replaceChildren(...members.map((each) => member(each, me)));
}

function line({ name, text }) {
  const item = element("li", name === "" ? "note" : "", "");
  item.append(element("b", "", name), element("span", "", text));
  return item;
}

function member({ name, channel }, me) {
  const item = element("li", channel === me.channel ? "here" : "", "");
  const button = element("button", "", `# ${channel}`);
  button.addEventListener("click", () => client.send("Go", { channel }));
  item.append(element("b", "", name), button);
  return item;
}
