/* Icons that only the dashboard draws. */
import { ICONS } from "../shared/icons";

export const STAFF_ICONS = {
  ...ICONS,
  note: "M5 4h14v11l-5 5H5zM14 20v-5h5M8 9h8M8 12h5",
  down: "M6 9l6 6 6-6",
  search: "M11 4a7 7 0 100 14 7 7 0 000-14zM16 16l5 5",
  logout: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  key: "M4 6h16v12H4zM7 10h.5M11 10h.5M15 10h.5M8 14h8",
} as const;

export type StaffIcon = keyof typeof STAFF_ICONS;
