import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { ITokenServer } from './interfaces.js';

/** A reply: text, number, list, null, or an error. */
type TReply = string | number | null | TReply[] | Error;
type TValue = { text: string; end: number } | Map<string, number>;
type TDatabase = Map<string, TValue>;

const encode = (reply: TReply): string => {
  if (reply === null) return '$-1\r\n';
  if (reply instanceof Error) return `-${reply.message}\r\n`;
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (Array.isArray(reply)) return `*${reply.length}\r\n${reply.map(encode).join('')}`;
  return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
};

/** The first command in these bytes, and its length; undefined if it is not whole. */
const commandIn = (bytes: Buffer): { words: string[]; length: number } | undefined => {
  let at = 0;
  const number = (): number | undefined => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const value = Number(bytes.toString('latin1', at + 1, end));
    at = end + 2;
    return value;
  };
  const count = number();
  const words: string[] = [];
  for (let left = count ?? 0; left > 0; left--) {
    const size = number();
    if (size === undefined || at + size + 2 > bytes.length) return undefined;
    words.push(bytes.toString('utf8', at, at + size));
    at += size + 2;
  }
  return count === undefined ? undefined : { words, length: at };
};

/** The part of Lua in which scripts of the token store are written, as JavaScript. */
const runLua = (script: string, keys: string[], values: string[], call: (...words: unknown[]) => TReply): TReply => {
  const text = script
    .replaceAll('redis.call(', 'call(')
    .replace(/if not (.+) then return (\d+) end/g, 'if (!$1) return $2;')
    .replace(/if (.+) then$/gm, 'if ($1) {')
    .replace(/^ *else$/gm, '} else {')
    .replace(/for _, (\w+) in ipairs\((\w+)\) do/g, 'for (const $1 of $2) {')
    .replace(/local (\w+), (\w+) = string\.match\(/g, 'const [$1, $2] = match(')
    .replace(/local (\w+) =/g, 'const $1 =')
    .replace(/^ *end$/gm, '}')
    .replaceAll(' .. ', ' + ')
    .replace(/#(\w+)/g, '$1.length');
  const match = (subject: string, pattern: string) =>
    new RegExp(pattern.replaceAll('%x', '[0-9A-Fa-f]')).exec(subject)?.slice(1) ?? [];
  // lists of Lua begin with 1
  const run = new Function('KEYS', 'ARGV', 'call', 'match', text);
  return run([undefined, ...keys], [undefined, ...values], call, match) as TReply;
};

const bound = (text: string, infinite: number): [value: number, isOpen: boolean] =>
  text.endsWith('inf') ? [infinite, false] : [Number(text.replace('(', '')), text.startsWith('(')];

/** One database and the commands that the token store sends to it. */
class Commands {
  constructor(
    private readonly data: TDatabase,
    private readonly now: () => number,
  ) {}

  public run([name = '', key = '', ...rest]: string[]): TReply {
    const command = name.toUpperCase();
    if (command === 'GET') return this.text(key);
    if (command === 'MGET') return [key, ...rest].map((one) => this.text(one));
    if (command === 'EXISTS') return this.text(key) === null && !this.set(key, false) ? 0 : 1;
    if (command === 'DEL') return this.data.delete(key) ? 1 : 0;
    if (command === 'KEYS')
      return [...this.data.keys()].filter((one) => this.text(one) !== null || this.set(one, false));
    if (command === 'TYPE') return this.data.get(key) instanceof Map ? 'zset' : 'string';
    if (command === 'SET') return this.write(key, rest);
    if (command === 'ZADD') return Number(!!this.set(key, true)?.set(rest[1] as string, Number(rest[0])));
    if (command === 'ZREM') return this.remove(key, rest[0] as string);
    if (command.startsWith('ZRANGE')) return this.range(command, key, rest);
    if (command === 'EVAL') return this.script(key, rest);
    return new Error(`ERR unknown command '${name}'`);
  }

  private text(key: string): string | null {
    const value = this.data.get(key);
    if (!value || value instanceof Map) return null;
    if (value.end > this.now()) return value.text;
    this.data.delete(key);
    return null;
  }

  private write(key: string, [text = '', ...options]: string[]): TReply {
    if (options.includes('XX') && this.text(key) === null) return null;
    const life = options.includes('PX') ? Number(options[options.indexOf('PX') + 1]) : Number.POSITIVE_INFINITY;
    if (!(life >= 1)) return new Error("ERR invalid expire time in 'set' command");
    this.data.set(key, { text, end: this.now() + life });
    return 'OK';
  }

  private set(key: string, makes: boolean): Map<string, number> | undefined {
    const value = this.data.get(key);
    if (value instanceof Map) return value;
    if (!makes) return undefined;
    const made = new Map<string, number>();
    this.data.set(key, made);
    return made;
  }

  private remove(key: string, member: string): number {
    const set = this.set(key, false);
    const removed = set?.delete(member) ? 1 : 0;
    if (set?.size === 0) this.data.delete(key);
    return removed;
  }

  private range(command: string, key: string, [from = '', to = '', ...options]: string[]): TReply {
    const all = [...(this.set(key, false) ?? [])].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
    const at = options.indexOf('LIMIT');
    const limited = (found: string[]) =>
      at < 0 ? found : found.slice(Number(options[at + 1])).slice(0, Number(options[at + 2]));
    if (command === 'ZRANGE') {
      return options.includes('WITHSCORES')
        ? all.flatMap(([member, score]) => [member, String(score)])
        : all.slice(Number(from), to === '-1' ? undefined : Number(to) + 1).map(([member]) => member);
    }
    if (command === 'ZRANGEBYLEX') {
      const isAfter = (member: string) =>
        from === '-' || (from.startsWith('(') ? member > from.slice(1) : member >= from.slice(1));
      const isBefore = (member: string) =>
        to === '+' || (to.startsWith('(') ? member < to.slice(1) : member <= to.slice(1));
      return limited(all.map(([member]) => member).filter((member) => isAfter(member) && isBefore(member)));
    }
    const [least, isAbove] = bound(from, Number.NEGATIVE_INFINITY);
    const [most, isBelow] = bound(to, Number.POSITIVE_INFINITY);
    const within = all.filter(
      ([, score]) => (isAbove ? score > least : score >= least) && (isBelow ? score < most : score <= most),
    );
    return limited(within.map(([member]) => member));
  }

  private script(text: string, [count = '0', ...rest]: string[]): TReply {
    const keys = rest.slice(0, Number(count));
    const slots = new Set(keys.map((key) => /\{(.+?)\}/.exec(key)?.[1] ?? key));
    if (slots.size > 1) return new Error("CROSSSLOT Keys in request don't hash to the same slot");
    return runLua(text, keys, rest.slice(Number(count)), (...words) => {
      const reply = this.run(words.map(String));
      if (reply instanceof Error) throw reply;
      return reply;
    });
  }
}

/**
 * As much of Redis as the token store uses, for machines without one: it keeps its data in this process, across a crash
 * too. The scripts are really run, from their text.
 */
export const startSmallRedis = async (): Promise<Omit<ITokenServer, 'stored'>> => {
  const password = `p%40ss-${randomBytes(9).toString('hex')}`;
  const settings = { appendonly: 'yes', maxmemory: '0', 'maxmemory-policy': 'noeviction', role: 'master' };
  const databases = new Map<string, TDatabase>();
  const sockets = new Set<Socket>();
  const info = (): string =>
    [
      `role:${settings.role}`,
      `aof_enabled:${settings.appendonly === 'yes' ? 1 : 0}`,
      `maxmemory:${settings.maxmemory === '0' ? 0 : 100_000_000}`,
      `maxmemory_policy:${settings['maxmemory-policy']}`,
    ].join('\r\n');

  const connected = (socket: Socket): void => {
    let [isKnown, database, rest]: [boolean, string, Buffer] = [false, '0', Buffer.alloc(0)];
    const answer = (words: string[]): TReply => {
      const [command = '', ...others] = words;
      const name = command.toUpperCase();
      // a client of the newer protocol sends its password with HELLO
      if (name === 'AUTH' || name === 'HELLO') {
        isKnown = others.includes(decodeURIComponent(password));
        return isKnown ? 'OK' : new Error('WRONGPASS invalid username-password pair or user is disabled.');
      }
      if (!isKnown) return new Error('NOAUTH Authentication required.');
      if (name === 'SELECT') database = others[0] as string;
      if (name === 'CONFIG')
        for (let at = 1; at < others.length; at += 2)
          Object.assign(settings, { [others[at] as string]: others[at + 1] });
      if (name === 'REPLICAOF') settings.role = others[0] === 'NO' ? 'master' : 'slave';
      if (['SELECT', 'CLIENT', 'CONFIG', 'REPLICAOF', 'PING'].includes(name)) return 'OK';
      if (name === 'INFO') return info();
      if (settings.role === 'slave' && ['SET', 'EVAL', 'DEL'].includes(name)) {
        return new Error("READONLY You can't write against a read only replica.");
      }
      const data = databases.get(database) ?? new Map<string, TValue>();
      databases.set(database, data);
      try {
        return new Commands(data, Date.now).run(words);
      } catch (error) {
        return new Error(`ERR ${(error as Error).message}`);
      }
    };
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let found = commandIn(rest); found; found = commandIn(rest)) {
        rest = rest.subarray(found.length);
        socket.write(encode(answer(found.words)));
      }
    });
  };

  const server = createServer(connected);
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve());
    });
  const kill = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  let next = 0;
  return {
    kind: 'redis',
    password,
    port,
    fresh: async () => `redis://default:${password}@127.0.0.1:${port}/${next++}`,
    kill,
    restart: () => listen(port),
    stop: kill,
  };
};
