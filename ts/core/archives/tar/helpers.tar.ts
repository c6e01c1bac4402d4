import tar from 'tar-stream';
import { invalid } from '../../base/helpers.errors.js';
import { RegistryError } from '../../classes.registryerror.js';
import { TarFrame } from './classes.tarframe.js';
import { notTar, visitAll } from './helpers.targz.js';
import type { ITarRules, TTarVisitor } from './interfaces.tar.js';

/**
 * Like `inspectTarGz`, for an archive that is not compressed. Entries pass by without being kept, so one entry may be
 * another archive of any size, which the visitor inspects.
 */
export async function* inspectTar<T>(
  source: AsyncIterable<Uint8Array>,
  rules: ITarRules,
  visit: TTarVisitor<T>,
  onRead: (result: T) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const extract = tar.extract();
  const frame = new TarFrame(rules.noun, rules.strict, rules.ownNames);
  let failure: RegistryError | undefined;
  let wake: () => void = () => undefined;
  const fail = (error: unknown): void => {
    failure ??= error instanceof RegistryError ? error : notTar(rules, error);
    extract.destroy();
    wake();
  };
  extract.on('drain', () => wake());
  const visited = visitAll(extract, rules, visit).then((result) => ({ result }), fail);
  try {
    for await (const chunk of source) {
      if (failure) throw failure;
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      frame.add(bytes);
      if (!extract.write(bytes)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (failure) resolve();
        });
      }
      if (failure) throw failure;
      yield chunk;
    }
    extract.end(null);
    const outcome = await visited;
    if (failure) throw failure;
    frame.finish();
    // without compression around it, only its end shows that an archive is whole
    if (rules.strict && !frame.hasEnd) throw invalid(`${rules.noun} is cut short`);
    onRead((outcome as { result: T }).result);
  } finally {
    extract.destroy();
  }
}
