/**
 * A value beside an object, as a WeakMap keeps it: nobody else can see, copy or list it. A private field costs an object
 * what a property does; an entry of a WeakMap costs four times that, and each garbage collection looks at it again.
 */

/** A class whose constructor answers what it is given: the fields of its subclass are then put on that object. */
class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is how a private field comes to an object of another class.
    return object;
  }
}

/** Values that lie beside objects, one of this kind for each. An object that takes no more fields keeps its value in a WeakMap. */
export class Beside<Value> {
  readonly #field = fieldOf<Value>();
  readonly #sealed = new WeakMap<object, Value>();

  of(object: object): Value | undefined {
    return this.#field.of(object) ?? this.#sealed.get(object);
  }

  set(object: object, value: Value): void {
    if (Object.isExtensible(object) || this.#field.of(object) !== undefined) this.#field.set(object, value);
    else this.#sealed.set(object, value);
  }
}

/** A class of its own each time, because a private field belongs to its class: two stores may serve one request. */
function fieldOf<Value>() {
  return class Field extends Given {
    #value: Value | undefined;

    static of(object: object): Value | undefined {
      return #value in object ? object.#value : undefined;
    }

    static set(object: object, value: Value): void {
      const field = #value in object ? object : (new Field(object) as Field);
      field.#value = value;
    }
  };
}
