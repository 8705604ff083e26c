# yaml-cpp, read from one file of ours; the static archive where there is one, so that the program
# needs one library less.
find_path(FAIRLEAD_YAML_INCLUDE yaml-cpp/parser.h REQUIRED)
find_library(FAIRLEAD_YAML NAMES libyaml-cpp.a yaml-cpp REQUIRED)
add_library(fairlead_yaml_cpp INTERFACE)
target_include_directories(fairlead_yaml_cpp SYSTEM INTERFACE ${FAIRLEAD_YAML_INCLUDE})
target_link_libraries(fairlead_yaml_cpp INTERFACE ${FAIRLEAD_YAML})
