import type { OpenApi, Operation, Parameter } from './openapi.js';
import type { JsonSchema } from './schemas.js';

/**
 * The API as a page: made on the server, without scripts and without anything from another place, so that it can be read
 * under the strictest content security policy and without internet.
 */
export function documentationPage(api: OpenApi): string {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))];
  const listed = (tag: string) => operations.filter(({ operation }) => operation.tags.includes(tag));
  const info = api.info as { title: string; version: string; description: string };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(info.title)} ${escape(info.version)}: API</title>
<link rel="stylesheet" href="docs/style.css">
</head>
<body>
<header><h1>${escape(info.title)} <small>${escape(info.version)}</small></h1>
<p>${escape(info.description)}</p>
<p><a href="openapi.json">openapi.json</a> is the same for programs. Failures are problem details (RFC 9457) with a stable <code>code</code> and a <code>remedy</code>.</p></header>
<nav aria-label="Operations">${tags
    .map(
      (tag) =>
        `<h2>${escape(tag)}</h2><ul>${listed(tag)
          .map(
            ({ operation, method, path }) =>
              `<li><a href="#${escape(operation.operationId)}">${method.toUpperCase()} ${escape(shortened(path))}</a></li>`,
          )
          .join('')}</ul>`,
    )
    .join('')}<h2><a href="#schemas">Schemas</a></h2></nav>
<main>
${tags.map((tag) => `<h2>${escape(tag)}</h2>${listed(tag).map(section).join('')}`).join('')}
<h2 id="schemas">Schemas</h2>
${Object.entries(api.components.schemas)
  .map(
    ([name, schema]) =>
      `<section id="schema-${escape(name)}"><h3>${escape(name)}</h3>${describeSchema(schema)}</section>`,
  )
  .join('\n')}
</main>
</body>
</html>
`;
}

const shortened = (path: string): string => path.replace(/^\/api\/v\d+/, '');

function section({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const body = Object.entries(requestBody?.content ?? {})[0];
  return `<section id="${escape(operationId)}">
<h3><code class="${escape(method)}">${method.toUpperCase()}</code> <code>${escape(path)}</code></h3>
<p><strong>${escape(summary)}.</strong></p>
${description
  .split('\n\n')
  .map((text) => `<p>${marked(text)}</p>`)
  .join('')}
${parameters.length === 0 ? '' : `<table><caption>Parameters</caption><tbody>${parameters.map(parameterRow).join('')}</tbody></table>`}
${body === undefined ? '' : `<p>Body: ${describeSchema(body[1].schema)}${requestBody?.required === true ? '' : ' (may be absent)'}</p>${example(method, path, body[1].example)}`}
<table><caption>Answers</caption><tbody>${Object.entries(responses)
    .map(([status, response]) => responseRow(status, response))
    .join('')}</tbody></table>
</section>
`;
}

function parameterRow({ name, in: place, required, description = '', schema }: Parameter): string {
  return `<tr><th><code>${escape(name)}</code></th><td>${place}${required ? '' : ', optional'}</td><td>${describeSchema(schema)} ${marked(description)}</td></tr>`;
}

function responseRow(status: string, response: unknown): string {
  const { description, content = {} } = response as {
    description: string;
    content?: Record<string, { schema: JsonSchema }>;
  };
  const [type, media] = Object.entries(content)[0] ?? [];
  const shown = media === undefined ? '' : `${escape(type ?? '')} ${describeSchema(media.schema)}`;
  return `<tr><th>${escape(status)}</th><td>${marked(description)}</td><td>${shown}</td></tr>`;
}

function example(method: string, path: string, body: unknown): string {
  if (body === undefined) return '';
  const text = `curl -X ${method.toUpperCase()} -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(body)}' \\\n  "$SERVER${path}"`;
  return `<pre><code>${escape(text)}</code></pre>`;
}

function describeSchema(schema: JsonSchema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').pop() ?? '';
    return `<a href="#schema-${escape(name)}">${escape(name)}</a>`;
  }
  const several = schema.anyOf ?? schema.oneOf;
  if (several !== undefined)
    return `<ul class="or">${several.map((one) => `<li>${describeSchema(one)}</li>`).join('')}</ul>`;
  if (schema.const !== undefined) return `<code>${escape(JSON.stringify(schema.const))}</code>`;
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `<code>${escape(JSON.stringify(value))}</code>`).join(' | ');
  if (schema.properties !== undefined) {
    const required = schema.required ?? [];
    return `<dl>${Object.entries(schema.properties)
      .map(
        ([name, value]) =>
          `<dt><code>${escape(name)}</code>${required.includes(name) ? '' : ' <em>optional</em>'}</dt><dd>${describeSchema(value)} ${marked(value.description ?? '')}</dd>`,
      )
      .join('')}</dl>`;
  }
  if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map(describeSchema).join(', ')}]`;
  if (schema.items !== undefined) return `list of ${describeSchema(schema.items)}`;
  return `<span>${escape([schema.type ?? 'anything'].flat().join(' or '))}${limits(schema)}</span>`;
}

function limits(schema: JsonSchema): string {
  const shown = ['minimum', 'maximum', 'minLength', 'maxLength', 'format', 'default'].flatMap((name) => {
    const value = schema[name];
    // the limits of safe whole numbers say nothing
    if (value === undefined || Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER) return [];
    return [`${name} ${JSON.stringify(value)}`];
  });
  return shown.length === 0 ? '' : ` (${escape(shown.join(', '))})`;
}

const marked = (text: string): string => escape(text).replace(/`([^`]+)`/g, '<code>$1</code>');

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export const documentationStyle = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; display: grid; grid-template-columns: minmax(14rem, 20rem) 1fr; }
header { grid-column: 1 / -1; padding: 1rem 2rem; border-bottom: 1px solid var(--line); }
nav { padding: 1rem; font-size: 0.85rem; position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; }
nav ul { list-style: none; padding: 0; } nav h2 { font-size: 0.9rem; margin: 1rem 0 0; }
main { padding: 1rem 2rem; max-width: 60rem; min-width: 0; }
section { border-top: 1px solid var(--line); padding: 0.5rem 0 1rem; }
code, pre { font: 0.9em ui-monospace, monospace; } pre { overflow: auto; padding: 0.75rem; border: 1px solid var(--line); }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; font-weight: 600; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; border-top: 1px solid var(--line); }
dl { margin: 0 0 0 1rem; } dd { margin-left: 1.5rem; } ul.or { margin: 0; padding-left: 1rem; }
.get { color: #1769aa; } .post, .put, .patch { color: #2e7d32; } .delete { color: #c62828; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; max-height: none; } }
@media (prefers-color-scheme: dark) { .get { color: #7fb9ef; } .post, .put, .patch { color: #81c784; } .delete { color: #ef9a9a; } a { color: #9cc7ff; } }
`;
