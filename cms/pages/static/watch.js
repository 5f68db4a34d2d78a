const $ = id => document.getElementById(id);
let hls = null;

function play(video) {
  const key = new URLSearchParams(location.search).get("key");
  const keyParameter = key && video.visibility !== "public" ? `&key=${encodeURIComponent(key)}` : "";
  history.replaceState(null, "", `?video=${video.id}${keyParameter}`);
  $("title").textContent = video.title;
  $("message").textContent = video.description;
  const player = $("player");
  if (hls) { hls.destroy(); hls = null; }
  player.poster = video.playback.poster_url || "";
  if (window.Hls && Hls.isSupported()) {
    hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, error) => { if (error.fatal) $("message").textContent = `Playback failed: ${error.details}.`; });
    hls.loadSource(video.playback.hls_url);
    hls.attachMedia(player);
  } else {
    // The browser's own HLS; if it has none, or cannot play this, the uploaded file.
    player.onerror = () => { player.onerror = null; player.src = video.source_url; };
    player.src = video.playback.hls_url;
  }
}

function formatDuration(seconds) {
  const s = Math.round(seconds);
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

function listItem(video) {
  const item = document.createElement("li"), button = document.createElement("button");
  const poster = video.playback?.poster_url;
  const picture = document.createElement(poster ? "img" : "div");
  if (poster) { picture.src = poster; picture.alt = ""; } else picture.className = "none";
  const name = document.createElement("strong"), note = document.createElement("small");
  name.textContent = video.title;
  note.textContent = video.playback ? formatDuration(video.playback.duration_s) : video.error || video.status.toLowerCase().replace("_", " ");
  button.append(picture, name, note);
  if (video.playback) button.onclick = () => play(video); else button.disabled = true;
  item.append(button);
  return item;
}

let cursorParameter = "";

async function loadPage() {
  const response = await fetch(`/api/v2/videos/?limit=48${cursorParameter}`);
  const page = await response.json();
  if (!response.ok) throw new Error(page.detail);
  $("list").append(...page.items.map(listItem));
  cursorParameter = page.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
  $("more").hidden = !page.next;
  return page.items;
}

async function load() {
  const parameters = new URLSearchParams(location.search);
  let first = (await loadPage()).find(video => video.playback);
  if (/^\d+$/.test(parameters.get("video") || "")) {
    const key = parameters.has("key") ? `?key=${encodeURIComponent(parameters.get("key"))}` : "";
    const response = await fetch(`/api/v2/videos/${parameters.get("video")}/${key}`);
    const video = await response.json();
    if (!response.ok) { $("message").textContent = video.detail; return; }
    if (!video.playback) {
      $("title").textContent = video.title;
      $("message").textContent = video.error || "This video has not been processed yet.";
      return;
    }
    first = video;
  }
  if (first) play(first);
  else $("message").textContent ||= "There are no videos yet.";
}

const fail = error => { $("message").textContent = `The videos could not be loaded: ${error.message}`; };
$("more").onclick = () => loadPage().catch(fail);
load().catch(fail);
