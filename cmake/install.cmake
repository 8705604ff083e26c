include(GNUInstallDirs)
install(TARGETS fairlead RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES LICENSE README.md SPEC.md SECURITY.md HACKING.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

# Manual pages are kept compressed, without a time stamp so that equal trees give equal files.
find_program(FAIRLEAD_GZIP gzip)
set(manual ${PROJECT_SOURCE_DIR}/docs/fairlead.1)
if(FAIRLEAD_GZIP)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${manual})
  execute_process(COMMAND ${FAIRLEAD_GZIP} -9nc ${manual}
    OUTPUT_FILE ${PROJECT_BINARY_DIR}/fairlead.1.gz COMMAND_ERROR_IS_FATAL ANY)
  set(manual ${PROJECT_BINARY_DIR}/fairlead.1.gz)
endif()
install(FILES ${manual} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

# The program writes its completions itself.
set(completions ${PROJECT_BINARY_DIR}/completions)
file(MAKE_DIRECTORY ${completions})
foreach(shell bash zsh fish)
  install(CODE "execute_process(COMMAND \"$<TARGET_FILE:fairlead>\" completion ${shell}
    OUTPUT_FILE \"${completions}/${shell}\" COMMAND_ERROR_IS_FATAL ANY)")
endforeach()
install(FILES ${completions}/bash RENAME fairlead
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${completions}/zsh RENAME _fairlead
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${completions}/fish RENAME fairlead.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
