import { request } from 'node:http';
import type { IOciAnswer, OciProbe } from './probe.js';

/** One upload, as a client without a library makes it. */
export class OciUpload {
  /** Where the registry wants the next request; relative or absolute. */
  location = '';

  constructor(
    readonly probe: OciProbe,
    readonly repository: string,
  ) {}

  private remember(answer: IOciAnswer): IOciAnswer {
    const location = answer.headers.get('location');
    if (location && answer.status < 300) {
      this.location = location;
    }
    return answer;
  }

  async begin(): Promise<IOciAnswer> {
    return this.remember(await this.probe.request(`/v2/${this.repository}/blobs/uploads/`, { method: 'POST' }));
  }

  /** A chunk that says where it belongs. */
  async patch(bytes: Buffer<ArrayBuffer>, start: number): Promise<IOciAnswer> {
    const headers = {
      'content-type': 'application/octet-stream',
      'content-range': `${start}-${start + bytes.length - 1}`,
    };
    return this.remember(await this.probe.request(this.location, { method: 'PATCH', body: bytes, headers }));
  }

  async status(): Promise<IOciAnswer> {
    return this.remember(await this.probe.request(this.location));
  }

  /** With the last bytes, if there are any. */
  async finish(digest: string, bytes?: Buffer<ArrayBuffer>, start?: number): Promise<IOciAnswer> {
    const url = new URL(this.location, this.probe.origin);
    url.searchParams.set('digest', digest);
    const headers: Record<string, string> = { 'content-type': 'application/octet-stream' };
    if (bytes && start !== undefined) {
      headers['content-range'] = `${start}-${start + bytes.length - 1}`;
    }
    return this.probe.request(`${url}`, { method: 'PUT', body: bytes, headers });
  }

  /**
   * Sends the beginning of a body and breaks the connection once the registry has had time to take it in. With a
   * length or a range it is a chunk, without either a stream.
   */
  async breakOff(bytes: Buffer<ArrayBuffer>, headers: Record<string, string | number>): Promise<void> {
    const url = new URL(this.location, this.probe.origin);
    // The challenge has to be answered beforehand: a broken request is not made twice.
    const asked = await fetch(new URL(`/v2/${this.repository}/blobs/uploads/`, url), { method: 'POST' });
    await asked.arrayBuffer();
    const authorization = await this.probe.answerTo(asked.headers.get('www-authenticate') ?? '');
    await new Promise<void>((resolve) => {
      const sent = request(url, {
        method: 'PATCH',
        headers: { 'content-type': 'application/octet-stream', ...authorization, ...headers },
      });
      sent.on('error', () => resolve()); // our own doing
      sent.on('response', (answer) => answer.resume());
      sent.on('close', () => resolve());
      sent.write(bytes, () => setTimeout(() => sent.destroy(), 300));
    });
  }
}

/** How many bytes an answer says the registry has; `-1` where it says nothing. */
export const received = (answer: IOciAnswer): number => {
  const range = /^(?:bytes=)?0-(\d+)$/.exec(answer.headers.get('range') ?? '');
  return range ? Number(range[1]) + 1 : -1;
};
