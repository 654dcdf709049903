/* Icons that only the dashboard draws. */
import { ICONS } from "../shared/icons";

export const STAFF_ICONS = {
  ...ICONS,
  note: "M5 4h14v11l-5 5H5zM14 20v-5h5M8 9h8M8 12h5",
  down: "M6 9l6 6 6-6",
  search: "M11 4a7 7 0 100 14 7 7 0 000-14zM16 16l5 5",
  logout: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  key: "M4 6h16v12H4zM7 10h.5M11 10h.5M15 10h.5M8 14h8",
  pause: "M9 6v12M15 6v12",
  play: "M8 5l11 7-11 7z",
  stop: "M7 7h10v10H7z",
  transfer: "M4 8h13M13 4l4 4-4 4M20 16H7M11 12l-4 4 4 4",
  users:
    "M9 5a3.5 3.5 0 100 7 3.5 3.5 0 000-7zM3 19c.7-4.5 11.3-4.5 12 0M16 5.3a3.5 3.5 0 010 6.4M17.5 14.8c2 .6 3.3 2 3.5 4.2",
  ear: "M7 17V9a5 5 0 0110 0c0 4-4 4-4 7.5a3 3 0 01-5.5 1.5M10 10a2 2 0 014 0c0 1.5-2 1.700-2 3",
  missed: "M4 5l6 6 8-8M4 5v5M4 5h5M3 18c0-5 18-5 18 0v1.5l-4-.8v-2.2c-3-1-7-1-10 0v2.2l-4 .8z",
} as const;

export type StaffIcon = keyof typeof STAFF_ICONS;
