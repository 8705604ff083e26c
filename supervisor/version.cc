#include "supervisor/version.h"

namespace fairlead {

const char* const kVersion = FAIRLEAD_VERSION;

}  // namespace fairlead
