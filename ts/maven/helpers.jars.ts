import { inspectZip } from '../core/archives/zip/helpers.zip.js';
import type { IMavenPlugin } from './interfaces.maven.js';
import type { IFilePath } from './wire/wire.coordinates.js';
import { DESCRIPTOR, MAX_DESCRIPTOR, parseDescriptor } from './wire/wire.plugin.js';
import { parseFileName } from './wire/wire.snapshots.js';

/** What was found in a jar while it passed. */
export interface IJarFacts {
  plugin?: IMavenPlugin;
}

/** Whether a file may be the main jar of its version, which has the descriptor if the artifact is a Maven plugin. */
export const mayBePlugin = (path: IFilePath): boolean => {
  const name = parseFileName(path, path.version, path.file);
  return name?.classifier === '' && name.extension === 'jar';
};

/** Chunks that one side hands over to the other, one at a time. */
class Handover {
  private chunk: Uint8Array | undefined;

  public give(chunk: Uint8Array | undefined): void {
    this.chunk = chunk;
  }

  public async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let next = this.chunk; next; next = this.chunk) yield next;
  }
}

/**
 * Yields a jar unchanged, and looks for the descriptor of a Maven plugin meanwhile. A jar that cannot be read as a zip is
 * not refused: some begin with a shell script, and Maven stores any file.
 */
export async function* watchJar(
  content: AsyncIterable<Uint8Array>,
  path: IFilePath,
  maxUnpackedSize: number,
  facts: IJarFacts,
): AsyncGenerator<Uint8Array, void, undefined> {
  const handover = new Handover();
  const rules = {
    noun: 'The jar',
    links: 'allow',
    names: 'any',
    unpacks: 'wanted',
    maxUnpackedSize,
    wanted: (file: string) => (file === DESCRIPTOR ? MAX_DESCRIPTOR : undefined),
  } as const;
  const inspection = inspectZip(handover.chunks(), rules, ({ texts }) => {
    const descriptor = texts.get(DESCRIPTOR);
    const plugin = descriptor && parseDescriptor(descriptor, path);
    if (plugin) facts.plugin = plugin;
  });
  let isReadable = true;
  const step = async (chunk?: Uint8Array): Promise<void> => {
    handover.give(chunk);
    try {
      await inspection.next();
    } catch {
      isReadable = false;
    }
  };
  try {
    for await (const chunk of content) {
      if (isReadable && chunk.byteLength > 0) await step(chunk);
      yield chunk;
    }
    if (isReadable) await step();
  } finally {
    await inspection.return();
  }
}
