import { $, callApi, onSubmit, showMessage } from "/account/account.js";

const TEXTS = {
  en: {
    heading: "Confirm your booking",
    confirm: "Confirm the booking",
    done: "Thank you. The booking is confirmed.",
    over: "This booking has been cancelled, or the time to confirm it is over. Book again.",
    incomplete: "The link is not complete. Copy the whole link from the mail.",
  },
  ru: {
    heading: "Подтвердите запись",
    confirm: "Подтвердить запись",
    done: "Спасибо. Запись подтверждена.",
    over: "Запись отменена, или время на её подтверждение истекло. Запишитесь снова.",
    incomplete: "Ссылка неполная. Скопируйте её из письма целиком.",
  },
  uk: {
    heading: "Підтвердьте запис",
    confirm: "Підтвердити запис",
    done: "Дякуємо. Запис підтверджено.",
    over: "Запис скасовано, або час на його підтвердження минув. Запишіться знову.",
    incomplete: "Посилання неповне. Скопіюйте його з листа цілком.",
  },
};
const language = navigator.languages.map(tag => tag.slice(0, 2)).find(tag => tag in TEXTS) || "en";
const texts = TEXTS[language];
document.documentElement.lang = language;
$("heading").textContent = texts.heading;
$("confirm").textContent = texts.confirm;

addEventListener("hashchange", () => location.reload());
const parameters = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);
const path = `/api/v1/bookings/${encodeURIComponent(parameters.get("booking"))}/`;
const query = `?key=${encodeURIComponent(parameters.get("key"))}`;

async function show() {
  if (!parameters.get("booking") || !parameters.get("key")) throw new Error(texts.incomplete);
  const booking = await callApi(path + query);
  $("what").textContent = booking.doctor_name || booking.diagnostic_name;
  $("when").textContent = new Intl.DateTimeFormat(language, {
    dateStyle: "full", timeStyle: "short", timeZone: booking.time_zone,
  }).format(new Date(booking.starts_at));
  $("where").textContent = `${booking.location_name}, ${booking.address}`;
  if (booking.status === "pending") $("form").hidden = false;
  else showMessage(booking.status === "booked" ? texts.done : texts.over);
}

onSubmit($("form"), async () => {
  await callApi(`${path}confirm/${query}`, { body: {} });
  $("form").hidden = true;
  showMessage(texts.done);
});
show().catch(error => showMessage(error.message));
