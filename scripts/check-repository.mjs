// What a compiler does not see: each dependency has its line in docs/dependencies.md, links of the docs lead somewhere,
// packages carry the licence and hold what they need, and neither files nor commit messages name a package registry's host.
// Argument: a file for the counts (the fields of jest's JSON).
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
const read = (path) => readFileSync(path, 'utf8');
const workspaces = JSON.parse(read('package.json')).workspaces;
const isClone = existsSync('.git');
if (!isClone && process.env.CI === 'true')
  throw new Error('not a git clone: files and commit messages cannot be checked');
const tracked = isClone ? run('git', 'ls-files').trim().split('\n').filter(existsSync) : [];

const checks = {
  'every dependency has its line in docs/dependencies.md, with its version'() {
    const text = read('docs/dependencies.md');
    const wrong = [];
    for (const folder of workspaces) {
      for (const [name, version] of Object.entries(JSON.parse(read(`${folder}/package.json`)).dependencies ?? {})) {
        if (!name.startsWith('@medsam2/') && !text.includes(`- ${name} ${version}`))
          wrong.push(`${name} ${version} (${folder})`);
      }
    }
    return wrong;
  },
  'every line of docs/dependencies.md is about a dependency'() {
    const known = new Set(
      workspaces.flatMap((folder) => Object.keys(JSON.parse(read(`${folder}/package.json`)).dependencies ?? {})),
    );
    const listed = [...read('docs/dependencies.md').matchAll(/^- (\S+) \d+\.\d+\.\d+/gm)].map(([, name]) => name);
    return listed.filter((name) => !known.has(name));
  },
  'links of the documents lead to files'() {
    return tracked
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) =>
        [...read(path).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
          .filter(([, target]) => !/^[a-z]+:/.test(target) && !existsSync(join(dirname(path), target)))
          .map(([, target]) => `${path}: ${target}`),
      );
  },
  'packages carry the licence'() {
    return ['protocol', 'models', 'slicer-bridge', 'server', 'extension', 'mode'].filter(
      (folder) => read(`${folder}/LICENSE`) !== read('LICENSE'),
    );
  },
  'packed packages hold what they need and nothing of the tests'() {
    const needed = {
      models: [
        'dist/index.js',
        'graphs/medsam2/architecture.json',
        'graphs/medsam2/image_encoder.onnx',
        'graphs/nano/image_encoder.onnx',
        'nano/model.json',
        'nano/weights.safetensors',
        'LICENSE',
        'NOTICE',
      ],
      'slicer-bridge': ['dist/index.js', 'LICENSE'],
      server: ['bin/medsam2.js', 'dist/cli/main.js', 'dist/inference/worker.js', 'LICENSE'],
    };
    return Object.entries(needed).flatMap(([folder, files]) => {
      const [{ files: packed }] = JSON.parse(run('npm', 'pack', '--dry-run', '--json', '--silent', '-w', folder));
      const paths = packed.map(({ path }) => path);
      const missing = files.filter((file) => !paths.includes(file)).map((file) => `${folder}: ${file} is missing`);
      const foreign = paths.filter((path) => /\.test\.|testing|fixture|\.map$|\.py$/.test(path));
      return [...missing, ...foreign.map((path) => `${folder}: ${path} does not belong`)];
    });
  },
  'the lock file names no host to download from'() {
    return Object.entries(JSON.parse(read('package-lock.json')).packages)
      .filter(([, { resolved }]) => /^[a-z+]+:/.test(resolved ?? ''))
      .map(([path]) => path);
  },
  'neither files nor commit messages name the host of a package registry'() {
    const hosts = registryHosts();
    const names = (text) => hosts.some((host) => text.includes(host));
    const files = tracked.filter((path) => !/\.(onnx|safetensors|png)$/.test(path) && names(read(path)));
    const commits = run('git', 'log', '--format=%H %B%x00').split('\0').filter(names);
    return [...files, ...commits.map((commit) => `commit ${commit.trim().slice(0, 12)}`)];
  },
};

/** Hosts that npm and pip use on this machine, so that none needs to be written here. */
function registryHosts() {
  const ask = (command, ...args) => {
    try {
      return run(command, ...args);
    } catch {
      return ''; // not configured, or not installed
    }
  };
  const settings = [
    ask('npm', 'config', 'get', 'registry'),
    ask('python3', '-m', 'pip', 'config', 'list'),
    ...Object.entries(process.env).flatMap(([name, value]) =>
      /^(npm_config|pip)_.*(registry|url|links)/i.test(name) ? [value] : [],
    ),
  ];
  const hosts = settings.join(' ').matchAll(/[a-z]+:\/\/(?:[^@/\s'"]*@)?([^/\s:'"]+)/g);
  return [...new Set([...hosts].map(([, host]) => host))].filter((host) => !/^(localhost|127\.)/.test(host));
}

const needGit = [
  'links of the documents lead to files',
  'neither files nor commit messages name the host of a package registry',
];
const skipped = isClone ? [] : needGit;
for (const name of skipped) console.log(`skipped ${name} (not a git clone)`);
const done = Object.entries(checks).filter(([name]) => !skipped.includes(name));
const failures = done.filter(([name, check]) => {
  const wrong = check();
  console.log(
    `${wrong.length === 0 ? 'ok    ' : 'FAILED'} ${name}${wrong.map((what) => `\n         ${what}`).join('')}`,
  );
  return wrong.length > 0;
});
const counts = {
  numPassedTests: done.length - failures.length,
  numFailedTests: failures.length,
  numPendingTests: skipped.length,
};
if (process.argv[2]) writeFileSync(process.argv[2], JSON.stringify(counts));
process.exitCode = failures.length > 0 ? 1 : 0;
