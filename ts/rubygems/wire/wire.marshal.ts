import { RegistryError } from '../../core/classes.registryerror.js';

/**
 * A writer of Ruby's Marshal format 4.8, as far as gem clients read it: nil, booleans, integers of 31 bits, strings,
 * symbols, arrays, hashes, objects with instance variables, and objects that dump themselves (`_dump`, `marshal_dump`).
 * Longer integers and floats are refused: no file of a gem server has one, and the loader of newer RubyGems numbers them
 * in another way than Ruby does.
 * @see https://docs.ruby-lang.org/en/master/marshal_rdoc.html
 */
export type TRuby = null | boolean | number | string | readonly TRuby[] | RubyValue;

/** A value that JavaScript has no form for. */
export abstract class RubyValue {
  public abstract writeTo(writer: MarshalWriter): void;
}

/** `:name` */
export class RubySymbol extends RubyValue {
  constructor(private readonly name: string) {
    super();
  }

  public writeTo(writer: MarshalWriter): void {
    writer.symbol(this.name);
  }
}

/** A hash; its keys keep their order. */
export class RubyHash extends RubyValue {
  constructor(private readonly pairs: readonly (readonly [TRuby, TRuby])[]) {
    super();
  }

  public writeTo(writer: MarshalWriter): void {
    writer.begin('{');
    writer.integer(this.pairs.length);
    for (const [key, value] of this.pairs) {
      writer.value(key);
      writer.value(value);
    }
  }
}

/** An object that is loaded from its instance variables. */
export class RubyObject extends RubyValue {
  constructor(
    private readonly className: string,
    /** by name, with the `@` */
    private readonly variables: readonly (readonly [string, TRuby])[],
  ) {
    super();
  }

  public writeTo(writer: MarshalWriter): void {
    writer.begin('o');
    writer.symbol(this.className);
    writer.integer(this.variables.length);
    for (const [name, value] of this.variables) {
      writer.symbol(name);
      writer.value(value);
    }
  }
}

/** An object of a class with `marshal_dump`: one value, from which `marshal_load` restores it. */
export class RubyMarshalled extends RubyValue {
  constructor(
    private readonly className: string,
    private readonly data: TRuby,
  ) {
    super();
  }

  public writeTo(writer: MarshalWriter): void {
    writer.begin('U');
    writer.symbol(this.className);
    writer.value(this.data);
  }
}

/** An object of a class with `_dump`: bytes, from which `_load` restores it. */
export class RubyDumped extends RubyValue {
  constructor(
    private readonly className: string,
    private readonly bytes: Uint8Array,
    /** instance variables of the bytes (a Time has its zone there) */
    private readonly variables: readonly (readonly [string, TRuby])[] = [],
  ) {
    super();
  }

  public writeTo(writer: MarshalWriter): void {
    const { variables } = this;
    writer.tag(variables.length > 0 ? 'Iu' : 'u');
    writer.symbol(this.className);
    writer.bytes(this.bytes);
    if (variables.length > 0) {
      writer.integer(variables.length);
      for (const [name, value] of variables) {
        writer.symbol(name);
        writer.value(value);
      }
    }
    // Ruby numbers such an object after its variables
    writer.count();
  }
}

/** A value that is written once and linked to afterwards, so that a client holds it once. */
export class RubyShared extends RubyValue {
  constructor(private readonly content: TRuby) {
    super();
  }

  public writeTo(writer: MarshalWriter): void {
    writer.shared(this, this.content);
  }
}

/** Bytes that are gathered before they are handed out. */
const PIECE = 64 * 1024;
/** 31 bits: Ruby writes longer integers in another form. */
const MAX_INTEGER = 2 ** 30 - 1;

/** Writes one value after another; `taken` hands out the bytes that were written so far. */
export class MarshalWriter {
  private room = Buffer.allocUnsafe(PIECE);
  private used = 0;
  private readonly symbols = new Map<string, number>();
  private readonly links = new Map<RubyShared, number>();
  /** number of objects so far: links refer to objects by their number */
  private objects = 0;

  constructor() {
    // the version of the format
    this.byte(4);
    this.byte(8);
  }

  /** Number of bytes that `taken` would return. */
  public get size(): number {
    return this.used;
  }

  /** Returns the bytes that were written since the last call. */
  public taken(): Buffer {
    const bytes = this.room.subarray(0, this.used);
    this.room = Buffer.allocUnsafe(PIECE);
    this.used = 0;
    return bytes;
  }

  /** Begins an array; exactly `length` values must follow. */
  public beginArray(length: number): void {
    this.begin('[');
    this.integer(length);
  }

  public value(value: TRuby): void {
    if (value === null) this.tag('0');
    else if (typeof value === 'boolean') this.tag(value ? 'T' : 'F');
    else if (typeof value === 'number') {
      this.tag('i');
      this.integer(value);
    } else if (typeof value === 'string') this.text(value);
    else if (value instanceof RubyValue) value.writeTo(this);
    else {
      this.beginArray(value.length);
      for (const item of value) this.value(item);
    }
  }

  /** Writes a symbol; repeated ones are links to the first. */
  public symbol(name: string): void {
    const known = this.symbols.get(name);
    if (known !== undefined) {
      this.tag(';');
      this.integer(known);
      return;
    }
    this.symbols.set(name, this.symbols.size);
    this.tag(':');
    this.bytes(Buffer.from(name));
  }

  public shared(shared: RubyShared, content: TRuby): void {
    const known = this.links.get(shared);
    if (known !== undefined) {
      this.tag('@');
      this.integer(known);
      return;
    }
    this.links.set(shared, this.objects);
    this.value(content);
  }

  /** Begins an object that has a number. */
  public begin(tag: string): void {
    this.count();
    this.tag(tag);
  }

  public count(): void {
    this.objects++;
  }

  public tag(tag: string): void {
    for (let at = 0; at < tag.length; at++) this.byte(tag.charCodeAt(at));
  }

  public bytes(bytes: Uint8Array): void {
    this.integer(bytes.byteLength);
    this.need(bytes.byteLength);
    this.room.set(bytes, this.used);
    this.used += bytes.byteLength;
  }

  /** Writes an integer without its tag: one byte for -123 to 122, else the number of bytes and they, lowest first. */
  public integer(value: number): void {
    if (!Number.isInteger(value) || value > MAX_INTEGER || value < -MAX_INTEGER - 1) {
      throw new RegistryError('internal', `${value} cannot be written as an integer of 31 bits`);
    }
    if (value === 0) this.byte(0);
    else if (value > 0 && value < 123) this.byte(value + 5);
    else if (value < 0 && value > -124) this.byte(value - 5);
    else {
      const bytes: number[] = [];
      let rest = value;
      // the remaining bytes of a negative number are all ones
      for (const end = value < 0 ? -1 : 0; rest !== end; rest >>= 8) bytes.push(rest & 255);
      this.byte(value < 0 ? -bytes.length : bytes.length);
      for (const byte of bytes) this.byte(byte);
    }
  }

  /** A string in UTF-8: the instance variable `E` says so. */
  private text(text: string): void {
    this.count();
    this.tag('I"');
    this.bytes(Buffer.from(text));
    this.integer(1);
    this.symbol('E');
    this.tag('T');
  }

  private byte(value: number): void {
    this.need(1);
    this.room[this.used++] = value;
  }

  private need(more: number): void {
    const size = this.used + more;
    if (size <= this.room.byteLength) return;
    const room = Buffer.allocUnsafe(Math.max(size, this.room.byteLength * 2));
    this.room.copy(room, 0, 0, this.used);
    this.room = room;
  }
}

/** `Marshal.dump(value)` */
export const dumped = (value: TRuby): Buffer => {
  const writer = new MarshalWriter();
  writer.value(value);
  return writer.taken();
};
