import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contentsOf, descriptorOf, digestOf, type IPushable } from './images.js';

const fileOf = (folder: string, digest: string): string => join(folder, 'blobs', ...digest.split(':'));

/** Writes an OCI image layout, the form in which all clients take an image from disk. */
export const writeLayout = async (folder: string, what: IPushable, tag: string): Promise<string> => {
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
  for (const { digest, bytes } of contentsOf(what)) {
    await writeFile(fileOf(folder, digest), bytes);
  }
  const annotations = { 'org.opencontainers.image.ref.name': tag };
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...descriptorOf(what.top), annotations }] }),
  );
  return folder;
};

/** What is wrong with a layout that a client has written: nothing, when it holds exactly these bytes. */
export const layoutProblems = async (folder: string, what: IPushable): Promise<string[]> => {
  const problems: string[] = [];
  const index = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  if (!index.manifests.some(({ digest }) => digest === what.top.digest)) {
    problems.push(`index.json does not name ${what.top.digest}: ${JSON.stringify(index)}`);
  }
  for (const { digest, mediaType } of contentsOf(what)) {
    const bytes = await readFile(fileOf(folder, digest)).catch(() => undefined);
    if (!bytes || digestOf(bytes) !== digest) {
      problems.push(`${mediaType} ${digest} is ${bytes ? digestOf(bytes) : 'missing'}`);
    }
  }
  return problems;
};
