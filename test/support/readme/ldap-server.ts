import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What an LDAP server of the tests knows: passwords by name, and the groups that a name is a member of. */
export interface IDirectory {
  passwords: Record<string, string>;
  groups: Record<string, string[]>;
  /** whoever binds with this name is hung up on */
  hangsUpOn: string;
}

/** One element of BER (X.690): its tag, its content, and where the next one begins. */
interface IElement {
  tag: number;
  content: Buffer;
  end: number;
}

/** undefined if the bytes end before the element does */
const readElement = (bytes: Buffer, at: number): IElement | undefined => {
  if (bytes.length < at + 2) return undefined;
  const first = bytes[at + 1] as number;
  const more = first < 0x80 ? 0 : first & 0x7f;
  const begin = at + 2 + more;
  if (bytes.length < begin) return undefined;
  const length = more === 0 ? first : bytes.readUIntBE(at + 2, more);
  const end = begin + length;
  return end > bytes.length ? undefined : { tag: bytes[at] as number, content: bytes.subarray(begin, end), end };
};

const elementsOf = (bytes: Buffer): IElement[] => {
  const elements: IElement[] = [];
  for (let one = readElement(bytes, 0); one; one = readElement(bytes, one.end)) elements.push(one);
  return elements;
};

const element = (tag: number, ...parts: (Buffer | string)[]): Buffer => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([tag, 0x82, content.length >> 8, content.length & 0xff]), content]);
};

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const TEXT = 0x04;
const RESULT = 0x0a;
const [BIND, BIND_DONE, SEARCH, ENTRY, SEARCH_DONE] = [0x60, 0x61, 0x63, 0x64, 0x65];
const EQUALITY = 0xa3;
const [OK, INVALID_CREDENTIALS, INSUFFICIENT_RIGHTS] = [0, 49, 50];

const result = (tag: number, code: number): Buffer =>
  element(tag, element(RESULT, Buffer.from([code])), element(TEXT), element(TEXT));

const entryOf = (group: string): Buffer => {
  const values = element(SEQUENCE, element(TEXT, 'cn'), element(SET, element(TEXT, group)));
  return element(ENTRY, element(TEXT, `cn=${group},ou=groups`), element(SEQUENCE, values));
};

/** Binds by name and password, and finds the groups of a member for whoever is bound; null hangs up. */
const answer = (
  { tag, content }: IElement,
  { passwords, groups, hangsUpOn }: IDirectory,
  session: { bound: boolean },
): Buffer[] | null => {
  const parts = elementsOf(content);
  if (tag === BIND) {
    const [, name, password] = parts.map((part) => part.content.toString());
    if (name === hangsUpOn) return null;
    session.bound = name !== undefined && Object.hasOwn(passwords, name) && passwords[name] === password;
    return [result(BIND_DONE, session.bound ? OK : INVALID_CREDENTIALS)];
  }
  if (tag !== SEARCH) return []; // unbind has no answer
  if (!session.bound) return [result(SEARCH_DONE, INSUFFICIENT_RIGHTS)];
  const filter = parts.find((part) => part.tag === EQUALITY);
  const member = filter && elementsOf(filter.content)[1]?.content.toString();
  return [...(groups[member ?? ''] ?? []).map(entryOf), result(SEARCH_DONE, OK)];
};

/** A small LDAP server (RFC 4511), enough for a client that binds and looks for the groups of a member. */
export const startLdapServer = async (directory: IDirectory): Promise<{ url: string; stop(): Promise<void> }> => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    const session = { bound: false };
    let waiting = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      for (let message = readElement(waiting, 0); message; message = readElement(waiting, 0)) {
        waiting = waiting.subarray(message.end);
        const [id, operation] = elementsOf(message.content) as [IElement, IElement];
        const answers = answer(operation, directory, session);
        if (!answers) socket.destroy();
        for (const one of answers ?? []) {
          socket.write(element(SEQUENCE, element(INTEGER, id.content), one));
        }
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `ldap://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
};
