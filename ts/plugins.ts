import * as crypto from 'node:crypto';
import * as path from 'node:path';
import { PassThrough, pipeline, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { LRUCache } from 'lru-cache';

export { crypto, LRUCache, PassThrough, path, pipeline, Readable, zlib };
