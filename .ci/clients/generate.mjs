// Writes the TypeScript types of the API's OpenAPI document. Binary data is a Blob, which fetch accepts.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const BLOB = ts.factory.createTypeReferenceNode(ts.factory.createIdentifier("Blob"));
const document = JSON.parse(await readFile("openapi.json", "utf8"));
const types = await openapiTS(document, {
  transform: (schema) => (schema.format === "binary" ? BLOB : undefined),
});
await writeFile("api.d.ts", astToString(types));
