import type { IRight } from '../../auth/classes.rights.js';
import { Slices } from '../../base/helpers.slices.js';
import type { IResponse } from '../../interfaces.core.js';
import type { IListedPackage, IListingSnapshot } from '../../listing/interfaces.listing.js';
import type { ILogSnapshot } from '../../listing/log/interfaces.log.js';
import { Rendering } from './classes.rendering.js';
import { type IListingRequest, type IServedListing, serveListing } from './helpers.listing.js';
import { type IServeRequest, serveRendering } from './helpers.serving.js';

/** A log of all packages that can be served; `OrderedLog` is one. */
export interface IServedLog {
  /** The log as it is now, with every push in it that has returned. */
  current(): Promise<ILogSnapshot>;
}

/** How a log is sent. */
export interface IServeLogOptions {
  contentType: string;
  headers?: Record<string, string>;
}

/** Lines that are grouped between two looks at the clock. */
const STEP = 64;
const NEWLINE = 0x0a;

/** The lines of each package, in the order of their first lines. */
class LogListing implements IServedListing<string> {
  private version = 0;
  private made: { of: ILogSnapshot; packages: Promise<readonly IListedPackage<string>[]> } | undefined;

  constructor(private snapshot: ILogSnapshot) {}

  public get generation(): string {
    return this.snapshot.generation;
  }

  /** @param snapshot a later one of the same generation */
  public update(snapshot: ILogSnapshot): void {
    this.snapshot = snapshot;
  }

  public async sorted(): Promise<IListingSnapshot<string>> {
    if (this.made?.of !== this.snapshot) {
      this.version++;
      this.made = { of: this.snapshot, packages: linesOf(this.snapshot) };
    }
    const { version, made } = this;
    return { version, packages: await made.packages };
  }
}

const linesOf = async ({ bytes, headSize }: ILogSnapshot): Promise<readonly IListedPackage<string>[]> => {
  const slices = new Slices();
  const lines = new Map<string, string>();
  let count = 0;
  for (let at = headSize; at < bytes.byteLength; ) {
    const end = bytes.indexOf(NEWLINE, at) + 1;
    const line = bytes.toString('utf8', at, end);
    const name = line.slice(0, line.indexOf(' '));
    lines.set(name, (lines.get(name) ?? '') + line);
    at = end;
    if (++count % STEP === 0 && slices.due) await slices.rest();
  }
  return [...lines].map(([name, entry]) => ({ name, entry }));
};

/** What is kept of one log between requests. */
interface ILogMemory {
  snapshot?: ILogSnapshot;
  rendering?: Rendering;
  listing?: LogListing;
  /** the rendering that is being compressed */
  packing?: Rendering | undefined;
}

const memories = new WeakMap<IServedLog, ILogMemory>();

const memoryOf = (log: IServedLog): ILogMemory => {
  let memory = memories.get(log);
  if (!memory) {
    memory = {};
    memories.set(log, memory);
  }
  return memory;
};

const renderingOf = (memory: ILogMemory, snapshot: ILogSnapshot, contentType: string): Rendering => {
  if (memory.snapshot !== snapshot || memory.rendering?.contentType !== contentType) {
    const { bytes: body, md5: etag, sha256 } = snapshot;
    memory.snapshot = snapshot;
    memory.rendering = Rendering.of({ body, contentType, etag, sha256 });
  }
  return memory.rendering as Rendering;
};

/** The request without its wish for compression. */
const uncompressed = (request: IServeRequest): IServeRequest => {
  const { method, signal, storage } = request;
  const header = (name: string) => (name === 'accept-encoding' ? undefined : request.header(name));
  return signal ? { method, signal, storage, header } : { method, storage, header };
};

/**
 * Compressing a log of 100,000 packages keeps a thread busy for 0.2 s, and each publish makes another version. So one
 * version at a time is compressed; until it is ready, another version is sent as it is.
 */
const mayPack = (memory: ILogMemory, rendering: Rendering): boolean => {
  if (rendering.gzip || memory.packing === rendering) return true;
  if (memory.packing) return false;
  memory.packing = rendering;
  const done = () => {
    memory.packing = undefined;
  };
  rendering.gzipped().then(done, done);
  return true;
};

/**
 * Serves a log. Clients keep a copy, fetch what was appended by a range, and accept it only if the ETag (the md5) or the
 * `Repr-Digest` (sha-256) of the whole file is right; so both are those of the unpacked file on every answer. A caller
 * that may not read all packages gets the lines of the others left out, and no ranges.
 */
export const serveLog = async (
  request: IServeRequest & IListingRequest,
  log: IServedLog,
  right: IRight,
  { contentType, headers }: IServeLogOptions,
): Promise<IResponse> => {
  const snapshot = await log.current();
  const memory = memoryOf(log);
  if (await request.auth.allowsAll(request.token, right)) {
    const rendering = renderingOf(memory, snapshot, contentType);
    const wantsPart = request.header('range') !== undefined || request.header('if-none-match') !== undefined;
    const asked = wantsPart || mayPack(memory, rendering) ? request : uncompressed(request);
    const options = { ranges: true, reprDigest: true, oneEtag: true, headers };
    return serveRendering(asked, rendering, snapshot.lastModified, options);
  }
  // all versions of a generation have the same text before the first line
  if (memory.listing?.generation === snapshot.generation) memory.listing.update(snapshot);
  else memory.listing = new LogListing(snapshot);
  const header = snapshot.bytes.toString('utf8', 0, snapshot.headSize);
  const render = { contentType, header, entry: (_name: string, lines: string) => lines };
  return serveListing(request, memory.listing, right, {
    variant: 'log',
    render,
    md5Etag: true,
    ...(headers && { headers }),
  });
};
