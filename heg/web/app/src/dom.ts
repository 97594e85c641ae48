// Small helpers over the document. Elements are made once and then only their texts change, so that focus, forms and
// screen readers are left in peace.

export function byId<E extends Element = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html lacks an element with id ${id}`);
  return found as unknown as E;
}

/** A login is asked for: whatever asks the gateway again and again rests meanwhile. */
export function nobodyMayLook(): boolean {
  return document.body.classList.contains("outside");
}

/** What is not part of the first load: a bundle and its style, from the gateway itself. */
export async function bundle<T>(path: string): Promise<T> {
  const script = `${path}.js`;
  const [found] = await Promise.all([import(script) as Promise<T>, style(`${path}.css`)]);
  return found;
}

function style(href: string): Promise<void> {
  return new Promise((done) => {
    if (document.querySelector(`link[href="${href}"]`) !== null) return done();
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = href;
    link.addEventListener("load", () => done());
    link.addEventListener("error", () => done());
    document.head.append(link);
  });
}

export function text(element: Element, value: string): void {
  if (element.textContent !== value) element.textContent = value;
}

export function show(element: HTMLElement, visible: boolean): void {
  if (element.hidden === visible) element.hidden = !visible;
}

export function attribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** A copy of a <template>'s only element, and a finder of its parts by data-part. */
export function fromTemplate(id: string): { root: HTMLElement; part: <E extends Element = HTMLElement>(name: string) => E } {
  const template = byId<HTMLTemplateElement>(id);
  const root = template.content.firstElementChild?.cloneNode(true) as HTMLElement;
  return {
    root,
    part: <E extends Element>(name: string) => {
      const found = root.querySelector(`[data-part="${name}"]`);
      if (found === null) throw new Error(`template ${id} lacks data-part ${name}`);
      return found as E;
    },
  };
}

/** Keeps one child per key in the order of the keys; `create` makes a child, `update` fills it. */
export class KeyedList<T, C extends { root: HTMLElement }> {
  private readonly children = new Map<string, C>();

  constructor(
    private readonly parent: Element,
    private readonly key: (item: T) => string,
    private readonly create: (item: T) => C,
    private readonly update: (child: C, item: T) => void,
  ) {}

  show(items: readonly T[]): void {
    const wanted = new Set(items.map(this.key));
    for (const [key, child] of this.children) {
      if (!wanted.has(key)) {
        child.root.remove();
        this.children.delete(key);
      }
    }
    items.forEach((item, index) => {
      const key = this.key(item);
      let child = this.children.get(key);
      if (child === undefined) {
        child = this.create(item);
        this.children.set(key, child);
      }
      if (this.parent.children[index] !== child.root) {
        this.parent.insertBefore(child.root, this.parent.children[index] ?? null);
      }
      this.update(child, item);
    });
  }
}
