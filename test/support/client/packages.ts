import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

/** A package as a test wants it; the files go below `package/` in the tarball. */
export interface ITestPackage {
  name: string;
  version: string;
  dependencies?: Record<string, string>;
  keywords?: string[];
  description?: string;
  files?: Record<string, string | Uint8Array>;
}

export const manifestOf = (about: ITestPackage): Record<string, unknown> => ({
  name: about.name,
  version: about.version,
  description: about.description ?? `test package ${about.name}`,
  license: 'MIT',
  main: 'index.js',
  ...(about.keywords && { keywords: about.keywords }),
  ...(about.dependencies && { dependencies: about.dependencies }),
});

export const tarballOf = async (about: ITestPackage, level = 6): Promise<Buffer> => {
  const archive = pack();
  const files = { 'package.json': JSON.stringify(manifestOf(about), null, 2), ...about.files };
  const chunks: Buffer[] = [];
  const collected = (async () => {
    for await (const chunk of archive) {
      chunks.push(chunk as Buffer);
    }
  })();
  for (const [name, content] of Object.entries(files)) {
    archive.entry({ name: `package/${name}`, mtime: new Date(499_162_500_000) }, Buffer.from(content as string));
  }
  archive.finalize();
  await collected;
  return gzipSync(Buffer.concat(chunks), { level });
};

/** The body of a publish, in the order in which npm sends it. */
export const publishBody = (about: ITestPackage, tarball: Uint8Array, registry: string, tag = 'latest'): string => {
  const hash = (algorithm: string): Buffer => createHash(algorithm).update(tarball).digest();
  const file = `${about.name}-${about.version}.tgz`;
  return JSON.stringify({
    _id: about.name,
    name: about.name,
    description: manifestOf(about).description,
    'dist-tags': { [tag]: about.version },
    versions: {
      [about.version]: {
        ...manifestOf(about),
        _id: `${about.name}@${about.version}`,
        dist: {
          shasum: hash('sha1').toString('hex'),
          integrity: `sha512-${hash('sha512').toString('base64')}`,
          tarball: `${registry}${about.name}/-/${file}`,
        },
      },
    },
    access: null,
    _attachments: {
      [file]: {
        content_type: 'application/octet-stream',
        data: Buffer.from(tarball).toString('base64'),
        length: tarball.byteLength,
      },
    },
  });
};

export const escapeName = (name: string): string => name.replace('/', '%2f');

/** Publishes without a client. Throws with the answer's text when it is refused. */
export const publishByHand = async (
  target: { registry: string; token: string },
  about: ITestPackage,
  tag?: string,
): Promise<void> => {
  const answer = await fetch(`${target.registry}${escapeName(about.name)}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${target.token}` },
    body: publishBody(about, await tarballOf(about), target.registry, tag),
  });
  const text = await answer.text();
  if (!answer.ok) {
    throw new Error(`publish of ${about.name}@${about.version}: ${answer.status} ${text}`);
  }
};
