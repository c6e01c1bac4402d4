import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { IS3StorageConfig } from '../../../ts/interfaces.config.js';
import { FaultGate } from './fault-gate.js';
import { arrivalOf } from './faulty-store.js';
import type { IFaultGate, ISeenCall } from './interfaces.js';

interface IExchange {
  method: string;
  path: string;
  headers: string[];
  body: Buffer;
}

interface IReply {
  status: number;
  headers: string[];
  body: Buffer;
}

const keyOf = ({ what }: ISeenCall): string => what.slice(what.indexOf(' ') + 1).split('?')[0] as string;

/** Breaks the connection: no answer comes. */
const LOST = Symbol('lost');

const errorReply = (status: number, code: string): IReply => {
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code></Error>`);
  return { status, headers: ['Content-Type', 'application/xml', 'Content-Length', String(body.length)], body };
};

/** One case: what its replica sends to the server is numbered, and one of the requests has a fate. */
class ProxyGate extends FaultGate {
  constructor(
    private readonly prefix: string,
    private readonly forward: (exchange: IExchange) => Promise<IReply>,
  ) {
    super();
  }

  public async answer(exchange: IExchange): Promise<IReply | typeof LOST> {
    if (this.isDead) return LOST;
    const { method, path } = exchange;
    const isWrite = method !== 'GET' && method !== 'HEAD';
    const [, key = path] = decodeURIComponent(path).split(this.prefix);
    const call: ISeenCall = {
      at: this.calls.length + 1,
      what: `${method} ${key.replace(/[?&]x-id=\w+/, '')}`,
      isWrite,
    };
    this.calls.push(call);
    const { armed, struck } = this;
    if (struck && armed?.fault.looks !== undefined && !isWrite && keyOf(struck) === keyOf(call)) {
      if (this.looks++ >= armed.fault.looks) return errorReply(503, 'ServiceUnavailable');
    }
    if (struck && armed?.fault.answer === '403' && struck.what === call.what) return errorReply(403, 'AccessDenied');
    if (armed?.at !== call.at || struck) {
      const reply = await this.forward(exchange);
      if (struck && armed && arrivalOf(armed.fault) === 'nextCall') await this.release();
      return this.isDead ? LOST : reply;
    }
    this.struck = call;
    const { fault, interfere } = armed;
    const send = () => this.forward(exchange);
    if (fault.others === 'before') await interfere();
    const reply = fault.applied === 'now' ? await send() : LOST;
    if ((fault.applied !== 'now' && fault.applied !== 'never') || fault.twice) this.held = send;
    if (fault.others === 'after') await interfere();
    if (fault.answer === 'never') this.end();
    if (fault.answer === '503') return errorReply(503, 'ServiceUnavailable');
    if (fault.answer === '403') return errorReply(403, 'AccessDenied');
    return fault.answer === 'given' ? reply : LOST;
  }
}

export interface IFaultProxy {
  /** the real server's, by way of the proxy */
  config: IS3StorageConfig;
  /** @param prefix of the keys of one case; requests with other keys pass */
  gate(prefix: string): IFaultGate;
  /** The case has ended: its gate holds nothing back any more, nor any body. */
  forget(prefix: string): void;
  stop(): Promise<void>;
}

/**
 * Between the S3 driver of one replica and a real server. Requests are read whole before they go on, so that one can be
 * held back and arrive when its sender has long given up. Signatures stay valid: `Host` is passed on as it is.
 */
export const startFaultProxy = async (config: IS3StorageConfig): Promise<IFaultProxy> => {
  const target = new URL(config.endpoint);
  const agent = new http.Agent({ keepAlive: true });
  const gates = new Map<string, ProxyGate>();
  const sockets = new Set<Socket>();

  const forward = ({ method, path, headers, body }: IExchange): Promise<IReply> =>
    new Promise((resolve, reject) => {
      const options = { host: target.hostname, port: target.port, agent, method, path };
      const raw = headers as unknown as http.OutgoingHttpHeaders;
      const sent = http.request({ ...options, headers: raw }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 500, headers: response.rawHeaders, body: Buffer.concat(chunks) });
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });

  const serve = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', rawHeaders: headers } = request;
    const exchange = { method, path, headers, body: Buffer.concat(chunks) };
    const readable = decodeURIComponent(path);
    const gate = [...gates].find(([prefix]) => readable.includes(prefix))?.[1];
    const reply = await (gate ? gate.answer(exchange) : forward(exchange));
    if (reply === LOST) {
      response.destroy();
      return;
    }
    response.writeHead(reply.status, reply.headers as unknown as http.OutgoingHttpHeaders);
    response.end(reply.body);
  };
  const server = http.createServer((request, response) => {
    // a server that cannot be reached looks to the driver as it does without a proxy
    serve(request, response).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    config: { ...config, endpoint: `http://127.0.0.1:${port}` },
    gate(prefix) {
      const gate = new ProxyGate(prefix, forward);
      gates.set(prefix, gate);
      return gate;
    },
    forget: (prefix) => void gates.delete(prefix),
    async stop() {
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
