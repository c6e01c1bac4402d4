import * as crypto from 'node:crypto';
import * as path from 'node:path';
import { PassThrough, pipeline, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import jsonwebtoken from 'jsonwebtoken';
import { LRUCache } from 'lru-cache';
import semver from 'semver';

export { crypto, jsonwebtoken, LRUCache, PassThrough, path, pipeline, Readable, semver, zlib };
