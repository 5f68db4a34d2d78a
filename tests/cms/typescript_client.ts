// A program that uses the generated TypeScript client. test_typescript_client.py compiles and runs it.
import createClient from "openapi-fetch";
import type { components, paths } from "./campus.js";

type Schemas = components["schemas"];

declare const process: { argv: string[] };
const [, , baseUrl = "", email = "", password = ""] = process.argv;
const api = createClient<paths>({ baseUrl });

function explain({ status, detail, errors }: Schemas["Problem"]): string {
  const fields = errors?.map(({ field, reason }) => `${field} (${reason})`) ?? [];
  return [`${status} ${detail}`, ...fields].join(" ");
}

async function signIn(password: string): Promise<string> {
  const { data, error } = await api.POST("/api/v1/auth/login/", { body: { email, password } });
  if (error) throw new Error(explain(error));
  return data.access_token;
}

async function createVideo(title: string): Promise<Schemas["Video"]> {
  const { data, error } = await api.POST("/api/v2/videos/", { body: { title } });
  if (error) throw new Error(explain(error));
  return data;
}

async function listPage(cursor: string | null): Promise<Schemas["Page_Video_"]> {
  const { data, error } = await api.GET("/api/v2/videos/", { params: { query: { limit: 2, cursor } } });
  if (error) throw new Error(explain(error));
  return data;
}

async function readStatus(id: number): Promise<Schemas["Status"]> {
  const { data, error } = await api.GET("/api/v2/videos/{video_id}/", { params: { path: { video_id: id } } });
  if (error) throw new Error(explain(error));
  return data.status;
}

const refused = await signIn("wrong").catch(String);

const token = await signIn(password);
api.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
});

// A field that is optional in the request because it has a default is required in the response.
const created: (Required<Schemas["VideoCreate"]> & { id: number })[] = [];
for (const title of ["Algebra", "Geometry", "Logic"]) created.push(await createVideo(title));

const pages: string[][] = [];
let cursor: string | null = null;
do {
  const page = await listPage(cursor);
  pages.push(page.items.map(({ title }) => title));
  cursor = page.next;
} while (cursor !== null);

// @ts-expect-error: the title has no default
const { error: invalid } = await api.POST("/api/v2/videos/", { body: { description: "No title" } });

console.log(
  JSON.stringify({
    refused,
    made: created.map(({ id, description, visibility }) => ({ id, description, visibility })),
    pages,
    status: created[0] && (await readStatus(created[0].id)),
    invalid: invalid?.errors?.map(({ field }) => field),
  }),
);
