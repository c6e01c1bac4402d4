import {
  BaseRegistry,
  type IProtocolConfig,
  type IRegistryServices,
  type IResponse,
  type IRoute,
  type RegistryCall,
  RegistryError,
  respond,
} from '../../ts/index.js';

interface IShelf {
  revision: number;
  files: Record<string, { key: string; sha256: string }>;
}

/** An eighth protocol as a user would write it: shelves that hold files, each file written once. */
export class ShelfRegistry extends BaseRegistry {
  public readonly protocol = 'shelf';

  protected routes(): IRoute[] {
    const read = { type: 'shelf', action: 'read', name: 'shelf' } as const;
    const write = { type: 'shelf', action: 'write', name: 'shelf' } as const;
    return [
      { method: 'GET', path: '/about', access: 'public', handle: async (call) => ({ url: call.publicUrl }) },
      { method: 'POST', path: '/late', access: { type: 'shelf', action: 'write', late: true }, handle: this.late },
      { method: 'GET', path: '/{shelf}', access: read, handle: (call) => this.show(call) },
      { method: 'GET', path: '/{shelf}/{file}', access: read, handle: (call) => this.download(call) },
      { method: 'PUT', path: '/{shelf}/{file}', access: write, handle: (call) => this.upload(call) },
    ];
  }

  protected renderError(error: RegistryError): IResponse {
    return respond(error.status, { problem: error.message });
  }

  private async late(call: RegistryCall): Promise<object> {
    const { shelf } = await call.body.json<{ shelf: string }>();
    await call.authorize(shelf);
    return { shelf };
  }

  private async show(call: RegistryCall): Promise<IResponse> {
    const render = ({ files }: IShelf) => ({ body: Object.keys(files), contentType: 'application/json' });
    const shown = await call.serveDocument<IShelf>(documentKey(call), { variant: 'names', render });
    if (!shown) throw new RegistryError('notFound', 'no such shelf');
    return shown;
  }

  private async download(call: RegistryCall): Promise<IResponse> {
    const shelf = await call.storage.read<IShelf>(documentKey(call));
    const file = new Map(Object.entries(shelf?.value.files ?? {})).get(call.params.file!);
    const served =
      file && (await call.serveObject(file.key, { etag: file.sha256, immutable: true, about: { kind: 'artifact' } }));
    if (!served) throw new RegistryError('notFound', 'no such file');
    return served;
  }

  private async upload(call: RegistryCall): Promise<IResponse> {
    const { shelf, file } = call.params as { shelf: string; file: string };
    const staged = await call.storage.stage(call.body.stream(), { hashes: ['sha256'] });
    await call.storage.commit<IShelf>({
      packageName: shelf,
      place: [{ staged, key: `shelf/files/${shelf}/${file}`, contentType: 'application/octet-stream' }],
      document: {
        key: documentKey(call),
        apply: (current, [placed]) => addFile(current, file, placed!.key, staged.digests.sha256!),
      },
    });
    return respond(201, { sha256: staged.digests.sha256 });
  }
}

const documentKey = (call: RegistryCall): string => `shelf/documents/${call.params.shelf}.json`;

const addFile = (current: IShelf | null, file: string, key: string, sha256: string): IShelf => {
  const files = new Map(Object.entries(current?.files ?? {}));
  if (files.has(file)) throw new RegistryError('alreadyExists', 'the file is on the shelf already');
  return { revision: (current?.revision ?? 0) + 1, files: Object.fromEntries(files.set(file, { key, sha256 })) };
};

export const shelf = {
  protocol: 'shelf',
  basePath: '/shelf',
  create: (services: IRegistryServices, config: IProtocolConfig) => new ShelfRegistry(services, config),
};
