// Elements, made without markup: texts that came from servers and forks stay texts.

type Child = Node | string | null;

/** Attributes of value false are left out; true ones stand without a value. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | boolean>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== false) made.setAttribute(name, value === true ? '' : String(value));
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A labelled choice; null where there is nothing to choose. */
export function choice(
  label: string,
  options: readonly { readonly value: string; readonly text: string }[],
  chosen: string,
  onChange: (value: string) => void,
  id = '',
): HTMLElement | null {
  if (options.length < 2) return null;
  const select = element('select', { id: id === '' ? false : id });
  for (const { value, text } of options) select.append(element('option', { value, selected: value === chosen }, text));
  select.addEventListener('change', () => onChange(select.value));
  return element('label', {}, `${label} `, select);
}

export function button(text: string, name: string, onClick: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', 'aria-label': name, title: name }, text);
  made.addEventListener('click', onClick);
  return made;
}
