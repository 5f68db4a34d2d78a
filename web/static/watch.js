const $ = id => document.getElementById(id);
let hls = null;

function play(video) {
  const key = new URLSearchParams(location.search).get("key");
  const shared = key && video.visibility !== "public" ? `&key=${encodeURIComponent(key)}` : "";
  history.replaceState(null, "", `?video=${video.id}${shared}`);
  $("title").textContent = video.title;
  $("says").textContent = video.description;
  const player = $("player");
  if (hls) { hls.destroy(); hls = null; }
  player.poster = video.playback.poster_url || "";
  if (window.Hls && Hls.isSupported()) {
    hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, error) => { if (error.fatal) $("says").textContent = `Cannot play this: ${error.details}.`; });
    hls.loadSource(video.playback.hls_url);
    hls.attachMedia(player);
  } else {
    player.src = video.playback.hls_url;
  }
}

function time(seconds) {
  const s = Math.round(seconds);
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

function entry(video) {
  const item = document.createElement("li"), button = document.createElement("button");
  const poster = video.playback?.poster_url;
  const picture = document.createElement(poster ? "img" : "div");
  if (poster) { picture.src = poster; picture.alt = ""; } else picture.className = "none";
  const name = document.createElement("strong"), note = document.createElement("small");
  name.textContent = video.title;
  note.textContent = video.playback ? time(video.playback.duration_s) : video.error || video.status.toLowerCase().replace("_", " ");
  button.append(picture, name, note);
  if (video.playback) button.onclick = () => play(video); else button.disabled = true;
  item.append(button);
  return item;
}

let next = "";

async function more() {
  const answer = await fetch(`/api/v2/videos/?limit=48${next}`);
  const page = await answer.json();
  if (!answer.ok) throw new Error(page.detail);
  $("list").append(...page.items.map(entry));
  next = page.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
  $("more").hidden = !page.next;
  return page.items;
}

async function load() {
  const asked = new URLSearchParams(location.search);
  let first = (await more()).find(video => video.playback);
  if (/^\d+$/.test(asked.get("video") || "")) {
    const key = asked.has("key") ? `?key=${encodeURIComponent(asked.get("key"))}` : "";
    const one = await fetch(`/api/v2/videos/${asked.get("video")}/${key}`);
    const video = await one.json();
    if (!one.ok) { $("says").textContent = video.detail; return; }
    if (!video.playback) {
      $("title").textContent = video.title;
      $("says").textContent = video.error || "It cannot be played yet.";
      return;
    }
    first = video;
  }
  if (first) play(first);
  else $("says").textContent ||= "There is nothing to watch yet.";
}

const fail = error => { $("says").textContent = `The API does not answer: ${error.message}`; };
$("more").onclick = () => more().catch(fail);
load().catch(fail);
