// Calls every operation of a running demo through the generated types, including an upload.
import { readFile } from "node:fs/promises";
import createClient, { type Middleware } from "openapi-fetch";
import type { paths } from "./api.js";

const [url, key, component] = process.argv.slice(2) as [string, string, string];
const headers = { Authorization: `Bearer ${key}` };
const client = createClient<paths>({ baseUrl: url, headers });
const called = new Set<string>();
const note: Middleware = {
  onRequest: ({ request, schemaPath }) => {
    called.add(`${request.method} ${schemaPath}`);
    return undefined;
  },
};
client.use(note);

type Answer<T> = { data?: T; error?: unknown; response: Response };

function check<T>(name: string, { data, error, response }: Answer<T>): T {
  if (!response.ok) throw new Error(`${name}: ${response.status} ${JSON.stringify(error)}`);
  return data as T;
}

const bytes = new Blob([await readFile(component)]);
const upload = (type: "application/wasm" | "application/octet-stream") =>
  client.POST("/api/v1/modules", {
    params: { query: { class: "small" }, header: { "Idempotency-Key": type } },
    body: bytes,
    bodySerializer: (body) => body,
    headers: { "content-type": type },
  });
const uploaded = check("upload", await upload("application/wasm"));
check("upload again", await upload("application/octet-stream"));
const name = uploaded.name;
const version = uploaded.version;

check("health", await client.GET("/healthz"));
check("readiness", await client.GET("/readyz"));
check("document", await client.GET("/api/v1/openapi.json"));
check("page", await client.GET("/api/docs", { parseAs: "text" }));
check("style", await client.GET("/api/docs.css", { parseAs: "text" }));

const channels = check("channels", await client.GET("/api/v1/channels", { params: { query: { login: "shop" } } }));
const channel = channels.items[0]?.id ?? "";
const any = { "If-Match": "*" };
check("channel", await client.GET("/api/v1/channels/{channel}", { params: { path: { channel } } }));
check(
  "change",
  await client.PATCH("/api/v1/channels/{channel}", {
    params: { path: { channel }, header: any },
    body: { locale: "en", muted_until: new Date(Date.now() + 60_000).toISOString(), commands: {} },
  }),
);
check(
  "unmute",
  await client.PATCH("/api/v1/channels/{channel}", {
    params: { path: { channel }, header: any },
    body: { muted_until: null, commands: {} },
  }),
);
const here = { path: { channel, name } };
check("modules here", await client.GET("/api/v1/channels/{channel}/modules", { params: { path: { channel } } }));
check(
  "enable",
  await client.PUT("/api/v1/channels/{channel}/modules/{name}", {
    params: { ...here, header: any },
    body: { enabled: true, version: "latest", settings: {}, secrets: {}, commands: {} },
  }),
);
check("module here", await client.GET("/api/v1/channels/{channel}/modules/{name}", { params: here }));
const answer = check(
  "call",
  await client.POST("/api/v1/channels/{channel}/commands/{name}", {
    params: { path: { channel, name: "echo-args" }, query: { dry_run: true } },
    body: { chatter: { id: "42", login: "dora" }, arguments: ["a", "b"] },
  }),
);
if (answer.outcome !== "answered") throw new Error(JSON.stringify(answer));
check("logs", await client.GET("/api/v1/modules/{name}/logs", { params: { path: { name }, query: { limit: 5 } } }));
check("all modules", await client.GET("/api/v1/modules"));
check("module", await client.GET("/api/v1/modules/{name}", { params: { path: { name } } }));
check(
  "version",
  await client.GET("/api/v1/modules/{name}/versions/{version}", { params: { path: { name, version } } }),
);
const since = new Date(0).toISOString();
check("audit", await client.GET("/api/v1/audit", { params: { query: { since, limit: 1 } } }));
check("keys", await client.GET("/api/v1/keys"));
check("own key", await client.GET("/api/v1/keys/self"));
const made = check(
  "new key",
  await client.POST("/api/v1/keys", {
    body: { name: "made", scopes: [`channel:${channel}`], role: "vip", expires_at: "2999-01-01T00:00:00+01:00" },
  }),
);
check("revoke", await client.DELETE("/api/v1/keys/{id}", { params: { path: { id: made.id } } }));

// These requests conflict with the module's state, and are refused with a problem document that the types describe.
const refused: [string, Answer<unknown>][] = [
  ["rollback here", await client.POST("/api/v1/channels/{channel}/modules/{name}/rollback", { params: here, body: {} })],
  ["rollback", await client.POST("/api/v1/modules/{name}/rollback", { params: { path: { name } }, body: {} })],
  [
    "canary",
    await client.PUT("/api/v1/modules/{name}/canary", {
      params: { path: { name }, header: any },
      body: { version, channels: ["1"] },
    }),
  ],
  ["promote", await client.POST("/api/v1/modules/{name}/canary/promote", { params: { path: { name } } })],
  ["drop", await client.DELETE("/api/v1/modules/{name}/canary", { params: { path: { name } } })],
];
for (const [what, { error, response }] of refused) {
  const code = (error as { code?: string }).code;
  if (![409, 422].includes(response.status) || !code) throw new Error(`${what}: ${response.status}`);
}
check("disable", await client.DELETE("/api/v1/channels/{channel}/modules/{name}", { params: here }));
check(
  "withdraw",
  await client.DELETE("/api/v1/modules/{name}/versions/{version}", { params: { path: { name, version } } }),
);
check(
  "withdraw all",
  await client.DELETE("/api/v1/modules/{name}", { params: { path: { name }, query: { force: true } } }),
);
check(
  "restore",
  await client.POST("/api/v1/modules/{name}/versions/{version}/restore", { params: { path: { name, version } } }),
);

// The stream of events has no end.
const stop = new AbortController();
const events = await client.GET("/api/v1/events", { parseAs: "stream", signal: stop.signal });
if (!events.response.ok) throw new Error(`events: ${events.response.status}`);
stop.abort();

const document = JSON.parse(await readFile("openapi.json", "utf8")) as { paths: Record<string, object> };
for (const [path, item] of Object.entries(document.paths)) {
  for (const method of Object.keys(item)) {
    const operation = `${method.toUpperCase()} ${path}`;
    if (!called.delete(operation)) throw new Error(`${operation} is called nowhere: call it in call.ts`);
  }
}
console.log("the TypeScript client calls every operation");
