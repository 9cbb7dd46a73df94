/** The messages of detect/door, and a validator for them. Zod, Valibot or ArkType would do in one line: any Standard Schema. */
import type { StandardSchema } from 'sluice';

export interface Boxes {
  /** Lineage id of the picture, as text: JSON has no 64-bit integers. */
  readonly picture: string;
  readonly boxes: readonly { readonly x: number; readonly width: number; readonly label: string }[];
}

function isBoxes(value: unknown): value is Boxes {
  const { picture, boxes } = (value ?? {}) as Partial<Boxes>;
  return (
    typeof picture === 'string' &&
    Array.isArray(boxes) &&
    boxes.every(({ x, width, label }) => x >= 0 && width > 0 && typeof label === 'string')
  );
}

export const boxSchema: StandardSchema<Boxes> = {
  '~standard': {
    validate: (value) =>
      isBoxes(value) ? { value } : { issues: [{ message: 'needs picture and boxes' }] },
  },
};
