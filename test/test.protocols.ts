import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { commandsOf } from '../ts/classes.smartregistry.js';
import { availableProtocols, type BaseRegistry, type TBuiltInProtocol } from '../ts/index.js';
import { cargoDescription } from './support/cargo/description.js';
import { composerDescription } from './support/composer/description.js';
import { mavenDescription } from './support/maven/description.js';
import { npmDescription } from './support/npm/description.js';
import type { IProtocolDescription } from './support/protocol/description.js';
import { protocolWorld } from './support/protocol/world.js';
import { pypiDescription } from './support/pypi/description.js';
import { startRegistry } from './support/registry.js';
import { rubygemsDescription } from './support/rubygems/description.js';

// The table of the readme about what each protocol can do is true: each "yes" is tried, and so is each "–".

const readme = readFileSync(new URL('../readme.md', import.meta.url), 'utf8');
const table = /^\| \| npm \|.*\n\|[- |]+\n((?:\|.*\n)+)/m.exec(readme);
const columns =
  table?.[0]
    .split('\n')[0]
    ?.split('|')
    .slice(2, -1)
    .map((name) => name.trim().toLowerCase()) ?? [];
const rows = new Map(
  (table?.[1] ?? '')
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .map(([title = '', ...cells]) => [title, new Map(cells.map((cell, index) => [columns[index] as string, cell]))]),
);

const DESCRIPTIONS: Partial<Record<TBuiltInProtocol, IProtocolDescription>> = {
  npm: npmDescription,
  maven: mavenDescription,
  cargo: cargoDescription,
  composer: composerDescription,
  pypi: pypiDescription,
  rubygems: rubygemsDescription,
};

/** Rows that are tried with requests. */
const TRIED = {
  ranges: 'Ranges of downloads',
  hidden: 'What a caller may not read is 404',
  importing: 'Import of files with `smartregistry import`',
};

interface IFeature {
  /** the request, or the command of `smartregistry`, that does it */
  done: Partial<Record<TBuiltInProtocol, string>>;
  /** requests of this form would do it: a protocol with "–" has none */
  form: RegExp;
}

const FEATURES: Record<string, IFeature> = {
  Search: {
    done: {
      npm: 'GET /-/v1/search',
      maven: 'GET /-/search',
      cargo: 'GET /api/v1/crates',
      composer: 'GET /search.json',
      rubygems: 'GET /api/v1/search.json',
    },
    form: /^GET .*search/,
  },
  'List of all names': {
    done: {
      oci: 'GET /_catalog',
      maven: 'GET /-/artifacts',
      composer: 'GET /packages/list.json',
      pypi: 'GET /simple/',
      rubygems: 'GET /names',
    },
    form: /^GET \/(-\/)?(_catalog|names|list|all|simple|artifacts|packages)[^{]*$/,
  },
  'Withdraw a version, and take that back': {
    done: {
      npm: 'PUT /{package}',
      cargo: 'PUT /api/v1/crates/{crate}/{version}/unyank',
      composer: 'DELETE /packages/{vendor}/{package}/filter/{list}',
      pypi: 'POST /{project}/{version}/unyank',
      rubygems: 'PUT /api/v1/gems/unyank',
    },
    form: /yank|filter\/|deprecat/,
  },
  'Delete a version': {
    done: {
      npm: 'PUT /{package}/-rev/{revision}',
      oci: 'DELETE /{name}/manifests/{reference}',
      maven: 'DELETE /-/artifacts/{group}/{artifact}/{version}',
      composer: 'DELETE /packages/{vendor}/{package}/{version}',
      pypi: 'DELETE /{project}/{version}',
    },
    form: /^(command delete|DELETE (?!.*(owners|yank|uploads|token)))/,
  },
  'Owners, changed by the client': {
    done: {
      cargo: 'PUT /api/v1/crates/{crate}/owners',
      rubygems: 'POST /api/v1/gems/{gem}/owners',
    },
    form: /^(PUT|POST|DELETE) .*(owners|collaborators)/,
  },
  'The login of the client makes a token': {
    done: {
      npm: 'PUT /-/user/org.couchdb.user:{user}',
      oci: 'POST /token',
      rubygems: 'POST /api/v1/api_key',
    },
    form: /^(PUT|POST) .*(login|token|api_key|\/user)/,
  },
  'Signatures or attestations of the publisher': {
    done: {
      npm: 'GET /-/npm/v1/attestations/{package}@{version}',
      oci: 'GET /{name}/referrers/{digest}',
      maven: 'GET /{group}/{artifact}/{version}/{file}.asc',
      pypi: 'GET /integrity/{project}/{version}/{filename}/provenance',
      rubygems: 'GET /api/v1/attestations/{build}.json',
    },
    form: /attestation|integrity|referrers|signature/,
  },
};

const isServed = (registry: BaseRegistry, request: string): boolean => {
  const [method, path] = request.split(' ') as [string, string];
  // any name will do for a parameter
  const sample = path.replace(/\{digest\}/g, `sha256:${'0'.repeat(64)}`).replace(/\{(\w+)\}/g, 'x1');
  try {
    return registry.routeTable.match(method, sample) !== undefined;
  } catch {
    return false;
  }
};

t.test('the table has a column for each protocol that is served', async (t) => {
  t.same([...columns].sort(), availableProtocols().sort());
  const tried = [...Object.keys(FEATURES), 'Publish and download', ...Object.values(TRIED)];
  t.same([...rows.keys()].sort(), tried.sort());
});

const cellOf = (title: string, protocol: string): boolean => {
  const cell = rows.get(title)?.get(protocol);
  if (!cell) throw new Error(`no cell for ${title}, ${protocol}`);
  return cell !== '–';
};

for (const protocol of availableProtocols()) {
  t.test(`the table is true: ${protocol}`, async (t: Test) => {
    const registry = (await startRegistry(t, { [protocol]: { enabled: true } })).getRegistry(protocol) as BaseRegistry;
    const commands = (await commandsOf(protocol)).map(({ name }) => `command ${name}`);
    const requests = registry.routeTable.routes.map(({ method, path }) => `${method} ${path}`);
    for (const [title, { done, form }] of Object.entries(FEATURES)) {
      const request = done[protocol];
      t.equal(cellOf(title, protocol), request !== undefined, title);
      if (request) t.ok(commands.includes(request) || isServed(registry, request), `${title}: ${request}`);
      else
        t.same(
          [...requests, ...commands].filter((one) => form.test(one)),
          [],
          title,
        );
    }
    t.equal(cellOf(TRIED.importing, protocol), registry.importer() !== undefined);

    const about = DESCRIPTIONS[protocol];
    if (!about) return t.equal(protocol, 'oci', 'its own tests publish, and read ranges');
    const [name] = about.names;
    const version = about.version(1);
    const world = await protocolWorld(t, about, { auth: { anonymousScopes: [] } });
    t.ok((await world.publish(name, version)).status < 300 && cellOf('Publish and download', protocol));
    const bytes = await about.artifactOf(name, version);
    const whole = await world.get(about.artifact(name, version));
    t.ok(whole.bytes.equals(bytes), 'the same bytes come back');
    const part = await world.get(about.artifact(name, version), { range: 'bytes=2-5' });
    t.equal(part.status === 206 && part.bytes.equals(bytes.subarray(2, 6)), cellOf(TRIED.ranges, protocol));
    const { type } = about;
    const other = world.callerOf(await world.tokenOf({ scopes: [`${protocol}:${type}:something-else:read`] }));
    const hidden = await other({ method: 'GET', path: about.metadata(name) });
    t.equal(hidden.status === 404, cellOf(TRIED.hidden, protocol), `a stranger gets ${hidden.status}`);
  });
}
