import { createHash } from 'node:crypto';
import type { StagedObject } from '../../ts/core/classes.registrystorage.js';
import {
  BaseRegistry,
  type IProtocolConfig,
  type IRegistryServices,
  type IResponse,
  type IRoute,
  type RegistryCall,
  RegistryError,
  respond,
  streamToBuffer,
} from '../../ts/index.js';

interface IDepot {
  files: [file: string, key: string, sha256: string][];
  /** lines, one a file, that only grow */
  index: string;
}

interface IUpload {
  name: string;
  file: string;
  staged: StagedObject;
}

/** A protocol that takes uploads in all the ways in which package tools send them: by form, in frames, and bare. */
export class DepotRegistry extends BaseRegistry {
  public readonly protocol = 'depot';

  protected override get trailingSlash() {
    return 'notFound' as const;
  }

  protected routes(): IRoute[] {
    const read = { type: 'depot', action: 'read', name: 'name' } as const;
    const late = { type: 'depot', action: 'write', late: true } as const;
    return [
      { method: 'POST', path: '/form', access: late, handle: (call) => this.form(call) },
      { method: 'PUT', path: '/frames', access: late, handle: (call) => this.frames(call) },
      { method: 'PUT', path: '/bare', access: late, handle: (call) => this.bare(call) },
      { method: 'PUT', path: '/careless', access: late, handle: (call) => this.careless(call) },
      { method: 'PUT', path: '/mistaken', access: late, handle: (call) => this.mistaken(call) },
      { method: 'PUT', path: '/confused', access: late, handle: (call) => this.confused(call) },
      { method: 'POST', path: '/echo', access: 'public', handle: (call) => this.echo(call) },
      { method: 'GET', path: '/actor', access: 'authenticated', handle: async ({ actor }) => ({ actor }) },
      { method: 'GET', path: '/index/{name}', access: read, handle: (call) => this.index(call) },
      { method: 'GET', path: '/files/{name}/{file+}', access: read, handle: (call) => this.download(call) },
    ];
  }

  protected renderError(error: RegistryError): IResponse {
    return respond(error.status, { problem: error.message });
  }

  /** As twine: fields in any order, the file among them. */
  private async form(call: RegistryCall): Promise<IResponse> {
    let upload:
      | (Omit<IUpload, 'staged' | 'name'> & { late: Awaited<ReturnType<RegistryCall['stageLate']>> })
      | undefined;
    const fields = await call.body.form({
      limits: { files: 1 },
      onFile: async ({ filename = 'unnamed', stream }) => {
        upload = { file: filename, late: await call.stageLate(stream, { hashes: ['sha256'] }) };
      },
    });
    const name = fields.get('name');
    if (!upload || !name) throw new RegistryError('invalid', 'a name and a file, please');
    await call.authorize(name);
    return this.keep(call, { name, file: upload.file, staged: upload.late.stagedFor(name) });
  }

  /** As cargo: u32le, JSON, u32le, file. */
  private async frames(call: RegistryCall): Promise<IResponse> {
    const reader = call.body.reader();
    const length = async () => (await reader.take(4)).readUInt32LE(0);
    const { name, file } = JSON.parse((await reader.take(await length())).toString()) as Record<string, string>;
    await call.authorize(name!);
    const staged = await call.storage.stage(reader.takeStream(await length()), { hashes: ['sha256'] });
    await reader.end();
    return this.keep(call, { name: name!, file: file!, staged });
  }

  /** As gem: the name is inside of the file. */
  private async bare(call: RegistryCall): Promise<IResponse> {
    const late = await call.stageLate(call.body.stream(), { hashes: ['sha256'] });
    const [name = '', file = ''] = (await streamToBuffer(await late.open())).toString().split('\n');
    await call.authorize(name);
    return this.keep(call, { name, file, staged: late.stagedFor(name) });
  }

  /** A mistake: nobody asked whether the caller may. */
  private async careless(call: RegistryCall): Promise<IResponse> {
    const late = await call.stageLate(call.body.stream(), { hashes: ['sha256'] });
    return this.keep(call, { name: 'a', file: 'x', staged: late.stagedFor('a') });
  }

  /** Another mistake: what the caller may write is not what is written. */
  private async mistaken(call: RegistryCall): Promise<IResponse> {
    const late = await call.stageLate(call.body.stream(), { hashes: ['sha256'] });
    await call.authorize('a');
    return this.keep(call, { name: 'b', file: 'x', staged: late.stagedFor('b') });
  }

  /** And another: who may read a name may not write it. */
  private async confused(call: RegistryCall): Promise<IResponse> {
    const late = await call.stageLate(call.body.stream(), { hashes: ['sha256'] });
    await call.authorize('b', { action: 'read' });
    return this.keep(call, { name: 'b', file: 'x', staged: late.stagedFor('b') });
  }

  private async echo(call: RegistryCall): Promise<object> {
    const files: unknown[] = [];
    const fields = await call.body.form({
      onFile: async ({ field, filename, stream }) => {
        files.push([field, filename, (await streamToBuffer(stream)).toString()]);
      },
    });
    return { fields: fields.names().map((name) => [name, ...fields.all(name)]), files };
  }

  private async index(call: RegistryCall): Promise<IResponse> {
    const shown = await call.serveDocument<IDepot>(documentKey(call.params.name!), {
      variant: 'index',
      ranges: true,
      reprDigest: true,
      render: ({ index }) => ({
        body: index,
        contentType: 'text/plain',
        etag: createHash('md5').update(index).digest('hex'),
        compressible: false,
      }),
    });
    if (!shown) throw new RegistryError('notFound', 'no such depot');
    return shown;
  }

  private async download(call: RegistryCall): Promise<IResponse> {
    const depot = await call.storage.read<IDepot>(documentKey(call.params.name!));
    const [, key, sha256] = depot?.value.files.find(([file]) => file === call.params.file) ?? [];
    const served = key && (await call.serveObject(key, { etag: sha256, reprDigest: sha256 }));
    if (!served) throw new RegistryError('notFound', 'no such file');
    return served;
  }

  private async keep(call: RegistryCall, { name, file, staged }: IUpload): Promise<IResponse> {
    await call.storage.commit<IDepot>({
      packageName: name,
      place: [{ staged, key: `depot/files/${name}/${file}`, contentType: 'application/x-depot' }],
      document: {
        key: documentKey(name),
        apply: (current, [placed]) => ({
          files: [...(current?.files ?? []), [file, placed!.key, staged.digests.sha256!]],
          index: `${current?.index ?? ''}${file} ${staged.size}\n`,
        }),
      },
    });
    return respond(201, { name, file, sha256: staged.digests.sha256 });
  }
}

const documentKey = (name: string): string => `depot/documents/${name}.json`;

export const depot = {
  protocol: 'depot',
  basePath: '/depot',
  create: (services: IRegistryServices, config: IProtocolConfig) => new DepotRegistry(services, config),
};
