/* A daemon without pages: built when SUP_WEB is off. */
#include "supportd/net/assets.h"

const struct sup_asset sup_web_assets[1] = {{0}};
const size_t sup_web_asset_count = 0;
